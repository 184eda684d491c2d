"""What `sferum-bridge roster` says, in Russian and English."""

from __future__ import annotations

CHANGES = {"ru": "Что изменится", "en": "What changes"}
NOTHING = {"ru": "Изменений нет.", "en": "Nothing changes."}
GRAVE = {
    "ru": {"fatal": "файл не принят", "error": "строка пропущена", "warning": "к сведению"},
    "en": {"fatal": "file refused", "error": "row left out", "warning": "note"},
}
FINDINGS = {
    "ru": ("Замечания", ("", "Лист", "Строка", "Столбец", "Значение", "Что не так", "Что сделать")),
    "en": ("Findings", ("", "Sheet", "Row", "Column", "Value", "What is wrong", "What to do")),
}
CONFLICTS = {
    "ru": (
        "Требуют решения: ответ в файле, --decide",
        ("Кто", "Почему", "Ключ", "Номер в системе: кто это может быть"),
    ),
    "en": (
        "To decide about: the answer in a file, --decide",
        ("Who", "Why", "Key", "Id in the system: who it may be"),
    ),
}
DOUBTS = {
    "ru": {
        "id_reused": "номер из списка принадлежит другому человеку; оставлено как есть",
        "ambiguous": "подходят несколько человек; оставлено как есть",
        "namesake": "есть полный тёзка, и неясно, он ли это; строка ждёт решения",
        "erased": "данные уничтожены; чтобы снова внести: sferum-bridge privacy readmit",
        "unknown_id": "такого номера в школе нет ни у кого; оставлено как есть",
        "closed_class": "этот класс закрыт; оставлено как есть. Проверьте класс в списке",
        "last_administrator": "школа осталась бы без администратора; оставлен администратором",
    },
    "en": {
        "id_reused": "the id in the list is somebody else's; left as is",
        "ambiguous": "several people fit; left as is",
        "namesake": "somebody has the same name, and may be meant; the row waits for a decision",
        "erased": "the data were erased; to add again: sferum-bridge privacy readmit",
        "unknown_id": "nobody of the school has this id; left as is",
        "closed_class": "that class is closed; left as is. Check the class in the list",
        "last_administrator": "the school would have no administrator; stays one",
    },
}
CORRECTED = {
    "ru": ("Исправленное родителями", ("Кто", "Что", "Список и профиль")),
    "en": ("Corrected by parents", ("Who", "What", "List and profile")),
}
FIELDS = {
    "ru": {
        "external_id": "номер",
        "family_name": "фамилия",
        "given_name": "имя",
        "middle_name": "отчество",
        "birth_date": "дата рождения",
        "email": "почта",
        "phone": "телефон",
        "since": "первый день",
        "until": "последний день",
    },
    "en": {
        "external_id": "id",
        "family_name": "family name",
        "given_name": "given name",
        "middle_name": "patronymic",
        "birth_date": "date of birth",
        "email": "e-mail",
        "phone": "phone",
        "since": "first day",
        "until": "last day",
    },
}
OUTCOMES = {
    "ru": {
        "kept": "список: {listed}, профиль: {profile} (исправил родитель)",
        "overruled": "список: {listed}, профиль: {profile} (исправил родитель); "
        "в списке новое, берётся оно",
        "agreed": "список: {listed}, профиль: {profile} (исправил родитель); совпало",
    },
    "en": {
        "kept": "list: {listed}, profile: {profile} (corrected by a parent)",
        "overruled": "list: {listed}, profile: {profile} (corrected by a parent); "
        "the list says something new and wins",
        "agreed": "list: {listed}, profile: {profile} (corrected by a parent); they agree",
    },
}
COUNTS = {
    "en": {
        "classes_to_add": "new classes",
        "people_to_add": "new people",
        "people_to_change": "people changed",
        "enrolments_to_add": "pupils into classes",
        "appointments_to_add": "appointments",
        "leaderships_to_add": "class teachers",
        "teachings_to_add": "subjects taught",
        "expected_parents_to_add": "guardians to expect",
        "expected_parents_to_end": "guardians not expected any more",
        "to_end": "assignments ended",
        "to_redate": "assignments with other days",
        "missing": "people not in the file (they leave only with --end-missing)",
        "conflicts": "people to decide about (left as they are)",
    },
    "ru": {
        "classes_to_add": "новые классы",
        "people_to_add": "новые люди",
        "people_to_change": "изменённые люди",
        "enrolments_to_add": "зачисления в классы",
        "appointments_to_add": "должности",
        "leaderships_to_add": "классные руководители",
        "teachings_to_add": "преподавание предметов",
        "expected_parents_to_add": "ожидаемые родители",
        "expected_parents_to_end": "больше не ожидаемые родители",
        "to_end": "окончания",
        "to_redate": "сроки изменены",
        "missing": "нет в файле (выбывают только с --end-missing)",
        "conflicts": "требуют решения (оставлены как есть)",
    },
}
DIFF = {
    "ru": {
        "title": "Люди и чаты на {day}",
        "people_new": "новые люди",
        "people_changed": "люди с изменёнными данными",
        "people_moved": "переходят в другой класс",
        "people_left": "выбывают",
        "rooms_made": "новые чаты и пространства",
        "rooms_renamed": "чаты с новым названием",
        "rooms_dropped": "чаты, которые больше не нужны",
        "joins": "вступления в чаты",
        "leaves": "выходы из чатов",
        "people": "Люди",
        "people_columns": "Кто|Что|Подробно",
        "classes": "Классы",
        "classes_columns": "Класс|Учеников было|Станет",
        "rooms": "Чаты",
        "rooms_columns": "Чат|Что|Участники|Кто",
    },
    "en": {
        "title": "People and rooms on {day}",
        "people_new": "new people",
        "people_changed": "people with other data",
        "people_moved": "move to another class",
        "people_left": "leave",
        "rooms_made": "new rooms and spaces",
        "rooms_renamed": "rooms with another name",
        "rooms_dropped": "rooms that are not needed any more",
        "joins": "people joining rooms",
        "leaves": "people leaving rooms",
        "people": "People",
        "people_columns": "Who|What|More",
        "classes": "Classes",
        "classes_columns": "Class|Pupils now|Then",
        "rooms": "Rooms",
        "rooms_columns": "Room|What|Members|Who",
    },
}
WHAT = {
    "ru": {
        "new": "новый",
        "changed": "изменён",
        "moved": "переходит",
        "left": "выбывает",
        "made": "новый",
        "renamed": "переименован",
        "dropped": "не нужен",
        "kept": "",
    },
    "en": {
        "new": "new",
        "changed": "changed",
        "moved": "moves",
        "left": "leaves",
        "made": "new",
        "renamed": "renamed",
        "dropped": "not needed",
        "kept": "",
    },
}
KINDS = {
    "ru": {
        "school": "Пространство школы",
        "staff": "Сотрудники",
        "announcements": "Объявления",
        "class": "Пространство класса",
        "pupils": "Ученики",
        "parents": "Родители",
        "materials": "Материалы",
    },
    "en": {
        "school": "School space",
        "staff": "Staff",
        "announcements": "Announcements",
        "class": "Class space",
        "pupils": "Pupils",
        "parents": "Parents",
        "materials": "Materials",
    },
}
TYPES = {
    "ru": {"pupil": "ученики", "staff": "сотрудники", "guardian": "родители"},
    "en": {"pupil": "pupils", "staff": "staff", "guardian": "parents"},
}
HOLDS = {
    "ru": ("Остановлено", "Что"),
    "en": ("Held back", "What"),
}
RELEASE = {
    "ru": 'Если всё верно, повторите apply с --confirm "название школы" --seen {seen}',
    "en": 'If it is meant, repeat apply with --confirm "name of the school" --seen {seen}',
}
GUARDS = {
    "ru": {
        "leave": "выбудут {what}: {count} из {of}",
        "change": "изменятся {what}: {count} из {of}",
        "empty": "в классе {what} не останется учеников (сейчас {of})",
        "guardians": "у класса {what} исчезнут все родители (сейчас {of})",
        "unled": "у класса {what} не будет классного руководителя: его строка пропущена",
        "name": "в файле названа другая школа: «{what}»",
        "unknown": "школа знает лишь {count} из {of} человек файла: не из другой ли он школы?",
    },
    "en": {
        "leave": "{what} would leave: {count} of {of}",
        "change": "{what} would change: {count} of {of}",
        "empty": "class {what} would have no pupils any more (now {of})",
        "guardians": "class {what} would lose all its parents (now {of})",
        "unled": "class {what} would have no class teacher: their row is left out",
        "name": "the file names another school: “{what}”",
        "unknown": "the school knows only {count} of {of} people of the file: is it another's?",
    },
}
UNDONE = {
    "ru": "Отменено: «{label}». Возвращено записей: {count}.",
    "en": "Undone: “{label}”. Rows put back: {count}.",
}
LEFT_HEAD = {
    "ru": ("Осталось как есть", ("Кто", "Что", "Почему")),
    "en": ("Left as it is", ("Who", "What", "Why")),
}
TABLES = {
    "ru": {
        "people": "человек",
        "classes": "класс",
        "contacts": "контакты",
        "corrections": "исправление",
        "roster_ids": "номер",
        "assignments": "роль",
        "expected_parents": "ожидаемый родитель",
        "bridge_state": "номера классов",
    },
    "en": {
        "people": "person",
        "classes": "class",
        "contacts": "contacts",
        "corrections": "correction",
        "roster_ids": "id",
        "assignments": "role",
        "expected_parents": "guardian to expect",
        "bridge_state": "ids of classes",
    },
}
LEFT = {
    "ru": {
        "changed": "с тех пор изменено",
        "in_use": "уже используется: роли окончены, сама запись осталась",
        "taken": "название или связь уже заняты",
        "last_administrator": "школа осталась бы без администратора",
    },
    "en": {
        "changed": "changed since",
        "in_use": "in use by now: the roles have ended, the record stays",
        "taken": "the name, or what it needs, is given away",
        "last_administrator": "the school would have no administrator",
    },
}
