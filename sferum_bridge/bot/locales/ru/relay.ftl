# Что люди узнают о пересылке в Сферум и обратно.

relay-not-heard = Ваши сообщения в этом чате пока не видны в Сферуме: ваша учётная запись с ним не связана. Участники чата в Matrix их видят. Если нужно, чтобы видели и в Сферуме, обратитесь к классному руководителю.

network-unavailable = Сообщение не ушло в Сферум: он не отвечает. Попробуйте отправить его ещё раз позже.
network-too-fast = Сообщение не ушло в Сферум: слишком много сообщений подряд. Отправьте его ещё раз через минуту.
network-login-expired = Сообщение не ушло в Сферум: вход в Сферум больше не действует. Сообщите администратору школы — нужно войти заново.
network-own-login-expired = Сообщение не ушло в Сферум: ваш вход в Сферум больше не действует. Войдите заново: `сферум войти`
network-needs-person = Сообщение не ушло в Сферум: он просит подтвердить вход. Откройте Сферум в браузере под той же учётной записью, подтвердите вход и отправьте сообщение ещё раз.
network-refused = Сообщение не ушло в Сферум: он его не принял. Возможно, в этом чате нельзя писать или текст слишком длинный. Участники чата в Matrix сообщение видят.
network-not-taken = Сообщение не ушло в Сферум: сам он работает, но именно это сообщение раз за разом не принимает. Участники чата в Matrix его видят.


# --- Сообщения из Сферума, как их видно в Matrix ---------------------------------------------

relay-somebody = Кто-то
relay-empty = Пустое сообщение: в нём нет ничего, что можно показать.
relay-unreadable = Здесь сообщение из Сферума, которое не удалось показать. Его можно прочитать в Сферуме.
relay-other-part = [вложение «{ $kind }», его можно открыть в Сферуме]
relay-more = … ещё { $count }
relay-more-files =
    … ещё { $count ->
        [one] { $count } файл
        [few] { $count } файла
       *[other] { $count } файлов
    } — в Сферуме
relay-buttons = Кнопки (нажать можно в Сферуме):
relay-transcript = Расшифровка:
relay-corrected = Исправлено в Сферуме:
relay-place = Место на карте: { $where }

relay-forwarded = Переслано, автор — { $name }:
relay-forwarded-at = Переслано, автор — { $name }, { DATETIME($at, dateStyle: "long", timeStyle: "short") }

relay-poll = Опрос: { $question }
relay-poll-answer =
    • { $answer } — { $count ->
        [one] { $count } голос
        [few] { $count } голоса
       *[other] { $count } голосов
    }
relay-poll-multiple = Можно выбрать несколько ответов.
relay-poll-anonymous = Голосование тайное.
relay-poll-closed = Голосование окончено.
relay-poll-where = Проголосовать можно в Сферуме.

relay-call = Идёт звонок. Присоединиться:
relay-call-ended = Звонок окончен, { $duration }
relay-call-ended-together = Звонок окончен, { $duration }, участников: { $count }
relay-call-over = Звонок окончен
relay-call-missed = Пропущенный звонок

relay-page-link = Ссылка:
relay-page-video = Видео:
relay-page-post = Запись:

# Как называется файл без имени, и что стоит на его месте в пересланном.
relay-file-photo = [фото]
relay-file-video = [видео]
relay-file-voice = [голосовое сообщение]
relay-file-audio = [аудиозапись]
relay-file-document = [документ]
relay-file-sticker = [стикер]
relay-file-drawing = [рисунок]

relay-size = { $count } МБ
relay-missing-too-big = Файл «{ $name }» ({ $size }) слишком большой для чата в Matrix. Его можно открыть в Сферуме.
relay-missing-wrong-kind = Файл «{ $name }» ({ $size }) такого вида, который школа не пропускает: он может быть опасен. Если вы ждёте этот файл, попросите прислать его в другом виде, например PDF.
relay-missing-gone = Файл «{ $name }» ({ $size }) не удалось получить из Сферума. Попробуйте открыть его там или попросите прислать ещё раз.
relay-missing-program = Файл «{ $name }» ({ $size }) школа не пропускает: это программа, хотя называется иначе. Открывать его в Сферуме не стоит.
relay-missing-holds-program = Файл «{ $name }» ({ $size }) школа не пропускает: в нём есть программа или макрос. Попросите прислать его без них.
relay-missing-sealed = Файл «{ $name }» ({ $size }) школа не пропускает: в этот архив нельзя заглянуть. Попросите прислать обычный ZIP без пароля.
relay-missing-virus = Файл «{ $name }» ({ $size }) школа не пропускает: в нём найден вирус. Не открывайте его и в Сферуме.

relay-service-created = { $name } создаёт чат «{ $title }»
relay-service-renamed = { $name } меняет название чата: «{ $title }»
relay-service-photo-changed = { $name } меняет фото чата
relay-service-photo-removed = { $name } убирает фото чата
relay-service-invited = { $name } добавляет в чат: { $subject }
relay-service-joined = { $name } теперь в чате
relay-service-joined-by-link = { $name } теперь в чате (по ссылке)
relay-service-kicked = { $name } удаляет из чата: { $subject }
relay-service-left = { $name } больше не в чате
relay-service-pinned = { $name } закрепляет сообщение
relay-service-unpinned = { $name } открепляет сообщение
relay-service-screenshot = { $name } делает снимок экрана
relay-service-call-started = { $name } начинает звонок
relay-service-style-changed = { $name } меняет оформление чата
relay-service-other = Изменение в чате
