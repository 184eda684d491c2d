"""What a reading says to people: for every code a reason and a suggestion, in Russian and English.

A small catalogue of its own, since the report is made before there is any school to speak for.
`{name}` stands for a parameter of the problem.
"""

from __future__ import annotations

from typing import NamedTuple

from sferum_bridge.roster import messages_oneroster

LANGUAGES = ("ru", "en")


class Text(NamedTuple):
    """The texts of one code in one language."""

    reason: str
    suggestion: str


_RESAVE = "Сохраните файл как «Книга Excel (.xlsx)» и загрузите снова."
_RESAVE_EN = "Save the file as an Excel workbook (.xlsx) and load it again."
_TEMPLATE = "Возьмите шаблон и перенесите в него данные."
_TEMPLATE_EN = "Take the template and put the data into it."

CATALOGUE: dict[str, tuple[Text, Text]] = {
    # --- the file ---------------------------------------------------------------------------
    "file_missing": (
        Text("Файл не открывается: {error}.", "Проверьте путь и права доступа."),
        Text("The file cannot be opened: {error}.", "Check the path and the permissions."),
    ),
    "file_empty": (
        Text("Файл пуст.", "Загрузите файл заново: возможно, он не докачался."),
        Text("The file is empty.", "Get it again: the transfer may have broken off."),
    ),
    "file_big": (
        Text("Файл слишком велик: допускается до {limit} МиБ.", "Уберите рисунки и лишние листы."),
        Text("The file is too big: up to {limit} MiB.", "Remove pictures and foreign sheets."),
    ),
    "rows_many": (
        Text("Слишком много строк: допускается до {limit}.", "Удалите пустые строки внизу листа."),
        Text("Too many rows: up to {limit}.", "Delete the empty rows at the end of the sheet."),
    ),
    "file_macros": (
        Text("Книги с макросами и двоичные книги не принимаются.", _RESAVE),
        Text("Workbooks with macros and binary workbooks are refused.", _RESAVE_EN),
    ),
    "file_password": (
        Text("Файл под паролем.", "Снимите пароль. " + _RESAVE),
        Text("The file has a password.", "Take the password off. " + _RESAVE_EN),
    ),
    "file_heavy": (
        Text(
            "Чтение файла требует слишком много памяти или времени.",
            "Удалите рисунки, оформление и пустые строки и столбцы за таблицей. " + _RESAVE,
        ),
        Text(
            "Reading the file takes too much memory or time.",
            "Remove pictures, formats, and empty rows and columns behind the table. " + _RESAVE_EN,
        ),
    ),
    "file_not_oneroster": (
        Text(
            "Это не файл OneRoster: в нём нет manifest.csv.",
            "Нужен zip с файлами CSV по стандарту OneRoster 1.1 или 1.2, или другой формат.",
        ),
        Text(
            "This is no OneRoster file: there is no manifest.csv in it.",
            "A zip of CSV files after OneRoster 1.1 or 1.2 is needed, or another format.",
        ),
    ),
    "file_damaged": (
        Text("Файл повреждён и не читается.", "Откройте его в Excel или LibreOffice. " + _RESAVE),
        Text(
            "The file is damaged and cannot be read.",
            "Open it in Excel or LibreOffice. " + _RESAVE_EN,
        ),
    ),
    "file_no_sheet": (
        Text(
            "Это не таблица.",
            "Нужна книга .xlsx, .xls или .ods, файл CSV, либо папка или zip с файлами CSV.",
        ),
        Text(
            "This is no table.",
            "An .xlsx, .xls or .ods is needed, a CSV, or a folder or zip of CSV files.",
        ),
    ),
    "file_lone_csv": (
        Text("Одного файла CSV мало.", "Положите все файлы CSV шаблона в одну папку или в zip."),
        Text("One CSV is not enough.", "Put all CSV files of the template in a folder or a zip."),
    ),
    "encoding_unknown": (
        Text("Кодировка файла не определяется.", "Сохраните файл как CSV UTF-8."),
        Text("The encoding of the file is not known.", "Save the file as CSV UTF-8."),
    ),
    "csv_broken": (
        Text(
            "Файл CSV обрывается на строке {line}: кавычка не закрыта или стоит не на месте.",
            "Исправьте кавычки в этой строке: внутри ячейки они удваиваются.",
        ),
        Text(
            "The CSV breaks at line {line}: a quotation mark is open or out of place.",
            "Correct the marks in that line: inside a cell they are doubled.",
        ),
    ),
    # --- the form of a sheet ----------------------------------------------------------------
    "sheet_missing": (
        Text("Нет листа «{name}». Есть: {found}.", "Добавьте лист с этим именем из шаблона."),
        Text("There is no sheet “{name}”. Found: {found}.", "Add it from the template."),
    ),
    "sheet_absent": (
        Text("Листа «{name}» нет.", "Так можно. Добавьте лист из шаблона, если он нужен."),
        Text("There is no sheet “{name}”.", "That is allowed. Add it if it is needed."),
    ),
    "sheet_twice": (
        Text("Лист «{name}» встречается дважды.", "Оставьте один."),
        Text("The sheet “{name}” is there twice.", "Keep one of them."),
    ),
    "sheet_hidden": (
        Text(
            "Лист «{name}» скрыт и не прочитан.",
            "Удалите его или, если он нужен, сделайте видимым.",
        ),
        Text("The sheet “{name}” is hidden and was not read.", "Delete it, or show it if needed."),
    ),
    "sheet_unread": (
        Text("На листе «{name}» нет таблицы с учениками; он не прочитан.", "Так можно."),
        Text(
            "There is no table of pupils on the sheet “{name}”; it was not read.", "That is fine."
        ),
    ),
    "year_unsaid": (
        Text(
            "Неизвестно, за какой учебный год список.",
            "Добавьте над таблицей строку «2026/2027 учебный год» или столбец «Учебный год».",
        ),
        Text(
            "Which school year the list is of is not known.",
            "Put a line “2026/2027 учебный год” above the table, or a column “Учебный год”.",
        ),
    ),
    "year_differs": (
        Text(
            "Учебный год {year} уже указан для этого класса, а здесь другой.",
            "Загружайте каждый учебный год отдельным файлом.",
        ),
        Text(
            "The class is of the school year {year} already, and here it is another.",
            "Load a file for each school year.",
        ),
    ),
    "header_missing": (
        Text("Строка с названиями столбцов не найдена.", _TEMPLATE),
        Text("No row with the titles of columns was found.", _TEMPLATE_EN),
    ),
    "column_missing": (
        Text("Нет обязательного столбца «{title}».", "Добавьте столбец с этим названием."),
        Text("The required column “{title}” is missing.", "Add a column with this title."),
    ),
    "column_twice": (
        Text("Столбец «{title}» встречается дважды.", "Оставьте один."),
        Text("The column “{title}” is there twice.", "Keep one of them."),
    ),
    "column_dropped": (
        Text(
            "Столбец «{title}» не прочитан и не сохранён: таких данных здесь быть не должно.",
            "Удалите его из файла.",
        ),
        Text(
            "The column “{title}” was neither read nor stored: such data do not belong here.",
            "Delete it from the file.",
        ),
    ),
    "column_unknown": (
        Text("Столбец «{title}» не из шаблона и не прочитан.", "Возможно, имелся в виду «{hint}»."),
        Text("The column “{title}” is not of the template.", "Perhaps “{hint}” was meant."),
    ),
    # --- a cell -----------------------------------------------------------------------------
    "cell_missing": (
        Text("Не заполнено обязательное поле.", "Заполните его."),
        Text("A required cell is empty.", "Fill it in."),
    ),
    "formula_empty": (
        Text("Формула без сохранённого результата.", "Вставьте вместо формулы значение."),
        Text("A formula without a stored result.", "Put the value in place of the formula."),
    ),
    "formula_value": (
        Text(
            "В столбце есть формулы; взят их последний сохранённый результат.",
            "Проверьте результат или вставьте значения.",
        ),
        Text(
            "There are formulas in the column; their last stored results were taken.",
            "Check them, or put values in their place.",
        ),
    ),
    "text_long": (
        Text("Текст длиннее {limit} знаков.", "Сократите его."),
        Text("The text is longer than {limit} characters.", "Shorten it."),
    ),
    "text_is_date": (
        Text(
            "Здесь должен быть текст, а программа таблиц превратила его в дату {date}.",
            "Задайте столбцу текстовый формат и введите значение снова.",
        ),
        Text(
            "This should be text, but the spreadsheet turned it into the date {date}.",
            "Set the column's format to text and type the value again.",
        ),
    ),
    "date_bad": (
        Text("Это не дата.", "Запишите дату как ДД.ММ.ГГГГ, например 14.03.2014."),
        Text("This is no date.", "Write the date as DD.MM.YYYY, for example 14.03.2014."),
    ),
    "date_none": (
        Text("Такого дня в календаре нет.", "Проверьте день и месяц."),
        Text("There is no such day in the calendar.", "Check the day and the month."),
    ),
    "date_order": (
        Text("«Дата по» раньше, чем «Дата с».", "Проверьте обе даты."),
        Text("The last day is before the first.", "Check both dates."),
    ),
    "name_bad": (
        Text("Это не похоже на имя.", "Имя состоит из букв и не содержит цифр."),
        Text("This does not look like a name.", "A name has letters and no digits."),
    ),
    "name_initials": (
        Text(
            "Имя или отчество сокращены до инициалов.", "Запишите полностью: Иванов Иван Иванович."
        ),
        Text("A name is cut short to initials.", "Write it in full: Иванов Иван Иванович."),
    ),
    "name_parts": (
        Text("В имени только одно слово.", "Запишите фамилию и имя, отчество — если есть."),
        Text("The name is a single word.", "Write family and given name, and a patronymic if any."),
    ),
    "name_split": (
        Text(
            "Больше трёх слов: понято как фамилия «{family}», имя «{given}», отчество «{middle}».",
            "Если это не так, запишите фамилию, имя и отчество в отдельных столбцах.",
        ),
        Text(
            "More than three words: family name “{family}”, given “{given}”, middle “{middle}”.",
            "If that is wrong, write family, given and middle name in columns of their own.",
        ),
    ),
    "parent_unnamed": (
        Text("У родителя нет имени; он пропущен.", "Впишите фамилию и имя или очистите контакты."),
        Text("The parent has no name and is left out.", "Write the name, or clear the contacts."),
    ),
    "class_empty": (
        Text("Это не название класса.", "Запишите класс, например, так: {hint}."),
        Text("This is no name of a class.", "Write the class like this: {hint}."),
    ),
    "class_long": (
        Text("Название класса слишком длинное.", "Сократите его, например, до {hint}."),
        Text("The name of the class is too long.", "Shorten it, for example to {hint}."),
    ),
    "class_roman": (
        Text("Номер класса записан римскими цифрами.", "Запишите арабскими: {hint}."),
        Text("The grade is written in Roman numerals.", "Write it in Arabic ones: {hint}."),
    ),
    "teaching_bad": (
        Text("Непонятно: «{part}».", "Запишите так: Алгебра: 7А, 7Б; Геометрия: 7А."),
        Text("Not understood: “{part}”.", "Write it like this: Алгебра: 7А, 7Б; Геометрия: 7А."),
    ),
    "year_bad": (
        Text("Это не учебный год.", "Запишите его так: 2026/2027."),
        Text("This is no school year.", "Write it like this: 2026/2027."),
    ),
    "email_bad": (
        Text("Это не адрес эл. почты; он пропущен.", "Запишите один адрес: имя@example.org."),
        Text("This is no e-mail address; it is left out.", "Write one address: name@example.org."),
    ),
    "phone_bad": (
        Text("Это не номер телефона; он пропущен.", "Запишите один номер: +7 и десять цифр."),
        Text("This is no phone number; it is left out.", "Write one number: + and all digits."),
    ),
    "zone_unknown": (
        Text("Такого часового пояса нет; он пропущен.", "Например: Europe/Moscow."),
        Text("There is no such time zone; it is left out.", "For example: Europe/Moscow."),
    ),
    "choice_unknown": (
        Text("Такого значения нет. Допустимо: {allowed}.", "Возможно, имелось в виду: {hint}."),
        Text("There is no such value. Allowed: {allowed}.", "Perhaps this was meant: {hint}."),
    ),
    "role_unknown": (
        Text("Такой роли нет. Допустимо: {allowed}.", "Возможно, имелось в виду: {hint}."),
        Text("There is no such role. Allowed: {allowed}.", "Perhaps this was meant: {hint}."),
    ),
    # --- rows held against each other -------------------------------------------------------
    "class_twice": (
        Text("Этот класс уже есть в строке {other}.", "Оставьте одну строку на класс."),
        Text("This class is in row {other} already.", "Keep one row a class."),
    ),
    "class_unknown": (
        Text("Класса {name} нет на листе «Классы».", "Добавьте его туда или исправьте: {hint}."),
        Text("Class {name} is not on the sheet “Классы”.", "Add it there, or correct it: {hint}."),
    ),
    "class_without_teacher": (
        Text("У класса нет классного руководителя.", "Назначьте его, когда сможете."),
        Text("The class has no class teacher.", "Appoint one when you can."),
    ),
    "teacher_unknown": (
        Text(
            "Такого сотрудника на листе «Сотрудники» нет, или таких несколько.",
            "Укажите «Ид» сотрудника.",
        ),
        Text(
            "There is no such person on the sheet “Сотрудники”, or there are several.",
            "Give the person's «Ид».",
        ),
    ),
    "id_twice": (
        Text(
            "Такой «Ид» есть и в другой строке ({where}). Обе пропущены: неясно, чей он.",
            "Дайте каждому свой «Ид».",
        ),
        Text(
            "The same «Ид» is in another row ({where}). Both are left out: whose it is is unclear.",
            "Give everyone an «Ид» of their own.",
        ),
    ),
    "namesakes": (
        Text(
            "Полный тёзка есть и в другой строке ({where}), различить их нечем.",
            "Заполните «Ид» у обоих.",
        ),
        Text(
            "A namesake is in another row ({where}), and nothing tells them apart.",
            "Fill in «Ид» for both.",
        ),
    ),
    "row_twice": (
        Text("Строка повторяет строку {other}.", "Удалите одну из них."),
        Text("The row repeats row {other}.", "Delete one of them."),
    ),
    "oneroster_enrolled_twice": (
        Text(
            "Этот ученик записан в тот же класс и строкой {other}: взята она, её срок дольше.",
            "Если верна эта строка, удалите другую.",
        ),
        Text(
            "Row {other} puts this pupil into the same class and lasts longer: it was taken.",
            "If this row is right, delete the other.",
        ),
    ),
    "child_unknown": (
        Text("Ученика с таким «Ид» на листе «Ученики» нет.", "Проверьте «Ид ребёнка»."),
        Text("No pupil on the sheet “Ученики” has this «Ид».", "Check «Ид ребёнка»."),
    ),
    "child_skipped": (
        Text("Строка этого ученика пропущена из-за ошибки.", "Исправьте сначала её."),
        Text("The row of this pupil was left out for an error.", "Correct that one first."),
    ),
    "parent_third": (
        Text(
            "У ребёнка уже указаны два родителя с доступом (строки {rows}).",
            "Оставьте двоих; прочим поставьте «Доступ: нет» с основанием.",
        ),
        Text(
            "Two parents with access are given for the child already (rows {rows}).",
            "Keep two; give the others «Доступ: нет» and its ground.",
        ),
    ),
    "guardians_many": (
        Text("У ребёнка больше {limit} представителей.", "Проверьте «Ид ребёнка» в этих строках."),
        Text("The child has more than {limit} guardians.", "Check the child's id in these rows."),
    ),
    "parent_twice": (
        Text("Этот родитель этого ребёнка уже есть в строке {other}.", "Оставьте одну строку."),
        Text("This parent of this child is in row {other} already.", "Keep one of the rows."),
    ),
    "ground_missing": (
        Text("Доступ закрыт без основания.", "Укажите вид, номер и дату документа."),
        Text("Access is denied without a ground.", "Give kind, number and date of the document."),
    ),
    "contact_shared": (
        Text(
            "Этот контакт указан и у другого человека ({where}).",
            "У каждого должен быть свой: не указывайте у ребёнка контакт родителя.",
        ),
        Text(
            "Somebody else has this contact too ({where}).",
            "Everybody needs their own: do not give a child the contact of a parent.",
        ),
    ),
}

CATALOGUE |= {
    code: (Text(*russian), Text(*english))
    for code, (russian, english) in messages_oneroster.TEXTS.items()
}


def reason(code: str, lang: str, **params: str) -> str:
    """Say what is wrong. Raises KeyError for a code or a language that is not in the catalogue."""
    return _text(code, lang).reason.format(**params)


def suggestion(code: str, lang: str, **params: str) -> str:
    """Say what to do about it. Raises KeyError like `reason`."""
    return _text(code, lang).suggestion.format(**params)


def _text(code: str, lang: str) -> Text:
    if lang not in LANGUAGES:
        raise KeyError(lang)
    return CATALOGUE[code][LANGUAGES.index(lang)]
