# Журнал, выдача и удаление данных.

journal = **Журнал**, сначала новое:
journal-line = { DATETIME($at, dateStyle: "medium", timeStyle: "short") } · { $who }: { $what } · { $whom }
journal-line-why = { DATETIME($at, dateStyle: "medium", timeStyle: "short") } · { $who }: { $what } · { $whom } · { $why }
journal-more = Дальше — ⏭ или `{ $command }`
journal-empty = Здесь записей нет.
journal-action = { $action }
journal-console = оператор системы
journal-bot = бот школы
journal-not-allowed = У вас нет прав на это действие. Журнал школы читает администратор школы. Ученик и родитель могут посмотреть, что делалось с их профилем: `журнал`

export-done = Готово: всё, что хранится ({ $name }). Один файл — чтобы читать, второй — для программ. Список сообщений в чатах школы (где и когда, без текста) добавит по просьбе администратор школы. Пожалуйста, не пересылайте эти файлы в общие чаты.
export-not-allowed = У вас нет прав на это действие. Свои данные можно получить командой `экспорт`. Данные ребёнка получает подключённый родитель, данные школы — администратор школы.

erase-ask =
    Вы просите удалить все данные: **{ $name }**

    Будут уничтожены имя, дата рождения, контакты, связи с родителями и детьми, приглашения, заявки и чат со мной. Роли в школе закончатся, чаты школы закроются, учётная запись будет закрыта. Вернуть это нельзя.
erase-stays = Останутся: журнал действий и запись о согласиях (без имён, только номера), сообщения других людей; уже прочитанные сообщения остаются у тех, кто их видел; резервные копии школы — до своего срока.
erase-stays-school = Останутся: профиль и учётная запись Matrix (они принадлежат человеку, а не школе), журнал действий и запись о согласиях (без имён, только номера), сообщения, резервные копии школы — до своего срока.
erase-how =
    Решает администратор школы, до этого ничего не меняется.

    - ✅ или `подтвердить` — отправить просьбу
    - ❌ или `отмена` — ничего не делать
erase-opened = Просьба принята ({ $name }). Администратор школы рассмотрит её, данные будут удалены до { DATETIME($until, dateStyle: "long") }. Пока ничего не изменилось. Я напишу о решении.
erase-cancelled = Хорошо, ничего не изменилось.
erase-not-allowed = У вас нет прав на это действие. Просить удалить данные может сам человек (`удалить`) или подключённый родитель ребёнка (`удалить` и имя). Остальным поможет администратор школы.
erase-nowhere = Ни одна школа здесь ничего о вас не ведёт, поэтому решать некому. Чтобы закрыть учётную запись, обратитесь сюда: { $contact }
erase-decide =
    Просьба удалить все данные: **{ $name }**

    Кто просит: { $by }
    Закон даёт на это тридцать дней: до { DATETIME($until, dateStyle: "long") }

    ✅ — согласиться, ❌ — отказать. Или командой (за отказом можно написать причину):

    ```
    { $approve }
    ```

    ```
    { $reject }
    ```
asks-self = сам человек
asks-parent = родитель
asks-former-parent = родитель, который отключился сам
erase-approved =
    Отмечено. Сами данные удаляет тот, кто обслуживает систему. Передайте ему команду (сначала она только покажет, что будет уничтожено):

    ```
    { $command }
    ```
erase-rejected = Отмечено: в удалении отказано. Тот, кто просил, узнает об этом.
erase-approved-news = Администратор школы согласился удалить данные. Это произойдёт в ближайшие дни.
erase-rejected-news = Администратор школы не согласился удалить данные: они нужны школе. Обратитесь к администратору школы, он объяснит основание.
erase-rejected-why = Администратор школы не согласился удалить данные. Причина: { $reason }

paper-made = Составлено { $made }. Другие люди названы ролью, их данных здесь нет.

paper-export = Данные о человеке
paper-profile = Профиль
paper-contacts = Контакты
paper-accounts = Учётные записи Matrix
paper-logins = Входы в Сферум
paper-roles = Роли в школе
paper-family = Семья
paper-guardians = В списке школы
paper-exceptions = Исключения
paper-consents = Согласия
paper-corrections = Исправления
paper-cases = Заявки и просьбы
paper-invites = Созданные приглашения
paper-rooms = Чаты школы
paper-openings = Доступ в чрезвычайном случае
paper-journal = Что делалось с данными
paper-messages = Сообщения в чатах школы
paper-none = Нет.

paper-room-school = пространство школы
paper-room-staff = учительская
paper-room-announcements = объявления
paper-room-class = пространство класса
paper-room-pupils = ученики класса
paper-room-parents = родители класса
paper-room-materials = материалы класса

column-family_name = Фамилия
column-given_name = Имя
column-middle_name = Отчество
column-birth_date = Дата рождения
column-language = Язык
column-kind = Вид
column-value = Значение
column-account = Учётная запись
column-since = С
column-until = По
column-network = Сеть
column-name = Имя
column-school = Школа
column-class = Класс
column-post = Должность
column-subject = Предмет
column-who = Кто
column-state = Состояние
column-relation = Кем приходится
column-about = О ком
column-by = Кто
column-text = Текст
column-field = Что
column-roster_value = В списке школы
column-content = Содержание
column-revoked_at = Отключено
column-at = Когда
column-action = Действие
column-room = Чат
column-event = Номер сообщения
column-category = Категория
column-number = Записей
column-record = Запись
column-actor = Кто
column-person = О ком
column-reason = Причина
column-hash = Контрольное значение

value-self = вы
value-parent = родитель
value-child = ребёнок
value-school = сотрудник школы
value-operator = оператор системы
value-bridge = бот школы
value-other = —
value-email = почта
value-phone = телефон
value-enrolment = ученик
value-appointment = должность
value-leadership = классное руководство
value-teaching = преподавание
value-administrator = администратор
value-teacher = учитель
value-staff = сотрудник
value-pending = ждёт проверки
value-active = действует
value-ended = окончено
value-open = ждёт решения
value-approved = одобрено
value-rejected = отклонено
value-withdrawn = снято
value-application = заявка
value-correction = исправление
value-removal = отвязка родителя
value-erasure = удаление данных
value-mother = мать
value-father = отец
value-guardian = опекун
value-trustee = попечитель
value-family_name = фамилия
value-given_name = имя
value-middle_name = отчество
value-birth_date = дата рождения

act-title = Акт об уничтожении персональных данных
act-operator = Оператор (наименование, адрес)
act-subject = Субъект (номер в системе)
act-system = Информационная система
act-method = Способ уничтожения
act-reason = Причина
act-date = Дата уничтожения
act-by = Кто уничтожил (ФИО, должность)
act-accounts_closed = Закрыто учётных записей
act-accounts_elsewhere = Забыто учётных записей других серверов
act-accounts_left = Осталось закрыть вручную
act-destroyed = Категории уничтоженных данных
act-stays = Что остаётся
act-log = Выгрузка из журнала событий
act-signature = Подпись ответственного: ____________________ Дата: ____________
act-destruction = стирание и перезапись записей базы; учётные записи Matrix закрываются с удалением профиля
act-destruction-school = стирание записей школы в базе

erased-profile = имя, дата рождения, язык
erased-contacts = почта и телефон
erased-accounts = учётные записи Matrix
erased-roster_ids = номера в списках школы
erased-roles = роли в школе (оканчиваются)
erased-links = связи родителя и ребёнка
erased-guardians = записи о родителях в списке школы
erased-exceptions = исключения
erased-corrections = исправления
erased-invites = приглашения для родителей
erased-pupil_invites = приглашения учеников
erased-mails = письма
erased-logins = входы в Сферум
erased-dialogues = начатые разговоры с ботом
erased-direct_rooms = чаты с ботом
erased-openings = доступы в чрезвычайном случае
erased-cases = заявки и просьбы

side-self = вы
side-parent = родитель
side-child = ребёнок
side-school = сотрудник школы
side-operator = оператор системы
side-bridge = бот школы
side-other = —

action-account-close = учётная запись закрыта
action-account-untie = учётная запись отвязана от человека
action-account-tie = учётная запись привязана к человеку
action-application-open = подана заявка
action-application-approved = заявка одобрена
action-application-rejected = заявка отклонена
action-application-withdrawn = заявка снята
action-appointment-add = назначение на должность
action-appointment-end = окончание должности
action-assignment-end = роль в школе окончена
action-audit-head = начат учёт длины журнала
action-chat-link = чат Сферума связан с комнатой
action-consent-give = дано согласие
action-consent-withdraw = согласие отозвано
action-correction-open = просьба исправить данные
action-correction-approved = исправление одобрено
action-correction-rejected = исправление отклонено
action-correction-withdrawn = просьба об исправлении снята
action-correction-drop = исправление больше не нужно
action-enrolment-add = зачисление в класс
action-enrolment-end = окончание учёбы в классе
action-erasure-open = просьба удалить данные
action-erasure-approved = удаление данных одобрено
action-erasure-rejected = в удалении данных отказано
action-erasure-withdrawn = просьба об удалении снята
action-guardian-remove = родитель убран из списка школы
action-invite-issue = создано приглашение для родителя
action-invite-open = открыто приглашение, показаны данные ребёнка
action-invite-refused = приглашение не принято
action-invite-revoke = приглашение отключено
action-journal-read = прочитан журнал
action-leadership-add = классное руководство
action-leadership-end = классное руководство окончено
action-parent-active = родитель подключён
action-parent-approve = родитель подтверждён
action-parent-doubt = сообщили, что это может быть не родитель
action-parent-exception = разрешено исключение для взрослого
action-parent-pending = родитель ждёт проверки
action-parent-restore = родитель возвращён
action-parent-unlink = родитель отключён
action-person-correct = данные исправлены
action-person-find = показан в списке поиска
action-privacy-erase = данные уничтожены
action-privacy-export = данные выданы
action-privacy-readmit = снова разрешено вносить из списка
action-pupil-invite-issue = создано приглашение для ученика
action-pupil-invite-open = открыто приглашение ученика, показаны его данные
action-pupil-invite-revoke = приглашение ученика отключено
action-removal-open = просьба отвязать родителя
action-removal-approved = отвязка родителя одобрена
action-removal-rejected = в отвязке родителя отказано
action-removal-withdrawn = просьба отвязать родителя снята
action-roster-apply = внесено из списка школы
action-teaching-add = назначен предмет
action-teaching-end = преподавание окончено
