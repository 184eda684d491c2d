"""What a reading of OneRoster says: reason and suggestion, in Russian and English (see `messages`).

Columns and files keep their English names in both, since that is what they are called there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_Text = tuple[str, str]

TEXTS: Mapping[str, tuple[_Text, _Text]] = {
    "oneroster_folder": (
        ("Файлы лежат в папке внутри архива: {name}.", "Упакуйте сами файлы, а не папку с ними."),
        ("The files are in a folder of the zip: {name}.", "Pack the files, not their folder."),
    ),
    "oneroster_no_manifest": (
        ("Нет файла manifest.csv. Есть: {found}.", "Выгрузите архив заново целиком."),
        ("There is no manifest.csv. Found: {found}.", "Export the whole zip again."),
    ),
    "oneroster_header": (
        (
            "Столбец {place} называется «{found}», а должен «{expected}».",
            "Имена и порядок столбцов заданы стандартом, с учётом больших и малых букв.",
        ),
        (
            "Column {place} is called “{found}”; “{expected}” belongs there.",
            "Names and order of the columns are fixed by the standard, case included.",
        ),
    ),
    "oneroster_version": (
        (
            "Версия «{version}» не читается или manifest.version не 1.0.",
            "Выгрузите OneRoster 1.1 или 1.2 в формате CSV.",
        ),
        (
            "Version “{version}” is not read, or manifest.version is not 1.0.",
            "Export OneRoster 1.1 or 1.2 as CSV.",
        ),
    ),
    "oneroster_mode": (
        (
            "В manifest.csv нет строки file.{name}, или в ней неизвестное значение.",
            "Допустимо: absent, bulk, delta.",
        ),
        (
            "manifest.csv has no line file.{name}, or an unknown value in it.",
            "Allowed: absent, bulk, delta.",
        ),
    ),
    "oneroster_undeclared": (
        (
            "Файл {name} есть, но в manifest.csv указан как absent; он не прочитан.",
            "Укажите bulk или delta, если он нужен.",
        ),
        (
            "The file {name} is there, but absent after manifest.csv; it was not read.",
            "Say bulk or delta if it is needed.",
        ),
    ),
    "oneroster_promised": (
        (
            "В manifest.csv указан файл {name}, а в архиве его нет.",
            "Добавьте файл или укажите absent.",
        ),
        ("manifest.csv names the file {name}, which is not in the zip.", "Add it, or say absent."),
    ),
    "oneroster_needed": (
        ("В полном списке должен быть файл {name}.", "Выгрузите архив с этим файлом."),
        ("A full list needs the file {name}.", "Export the zip with this file."),
    ),
    "oneroster_id_twice": (
        (
            "Такой sourcedId есть и в строке {other}. Обе пропущены: неясно, чей он.",
            "Дайте каждой записи свой sourcedId.",
        ),
        (
            "Row {other} has the same sourcedId. Both are left out: whose it is is unclear.",
            "Give every record a sourcedId of its own.",
        ),
    ),
    "oneroster_empty": (
        ("В файле {name} нет ни одной записи.", "Укажите file.{file} как absent и уберите файл."),
        ("The file {name} has no record.", "Say absent for file.{file}, and leave the file out."),
    ),
    "oneroster_column": (
        ("Нет столбца «{name}».", "Нужны все столбцы стандарта, даже пустые."),
        ("The column “{name}” is missing.", "All columns of the standard are needed, even blank."),
    ),
    "oneroster_foreign": (
        (
            "Столбца «{name}» в стандарте нет.",
            "Свои столбцы называйте metadata.… и ставьте последними.",
        ),
        (
            "There is no column “{name}” in the standard.",
            "Call columns of your own metadata.… and put them last.",
        ),
    ),
    "oneroster_cells": (
        (
            "В строке {cells} значений, а столбцов {titles}.",
            "Заключите значения с запятыми в кавычки.",
        ),
        ("The line has {cells} values for {titles} columns.", "Quote values that have commas."),
    ),
    "oneroster_bulk_deletes": (
        (
            "В полном списке нет удалений: кого в нём нет, того нет.",
            "Уберите строку или выгрузите изменения (delta).",
        ),
        (
            "A full list deletes nothing: who is not in it is not there.",
            "Remove the line, or export changes (delta).",
        ),
    ),
    "oneroster_utf8": (
        ("Файл не в кодировке UTF-8.", "Выгрузите его в UTF-8, как требует стандарт."),
        ("The file is not UTF-8.", "Export it as UTF-8, as the standard demands."),
    ),
    "oneroster_orphan": (
        ("Записи с таким sourcedId нет.", "Проверьте ссылку или выгрузите архив целиком."),
        ("There is no record with this sourcedId.", "Check it, or export the whole zip."),
    ),
    "oneroster_cycle": (
        (
            "Организация через parentSourcedId подчинена сама себе.",
            "Исправьте parentSourcedId: вверху не должно быть никого.",
        ),
        (
            "By parentSourcedId the organisation is above itself.",
            "Correct parentSourcedId: the topmost has none.",
        ),
    ),
    "oneroster_schools": (
        (
            "Неясно, какую школу читать. Есть: {names}.",
            "Назовите одну: в командной строке --school.",
        ),
        ("Which school to read is unclear. Found: {names}.", "Name one, with --school."),
    ),
    "oneroster_no_school": (
        ("В orgs.csv нет организации с типом school.", "Проверьте столбец type."),
        ("orgs.csv has no organisation of the type school.", "Check the column type."),
    ),
    "oneroster_years": (
        (
            "Есть классы нескольких учебных лет; прочитан {year}, не прочитано: {older}.",
            "Так можно: прошлые годы уже прошли.",
        ),
        (
            "There are classes of several school years; {year} was read, and not {older}.",
            "That is fine: past years are past.",
        ),
    ),
    "oneroster_year": (
        ("Это не год окончания учебного года.", "Запишите четыре цифры: 2027 для 2026/2027."),
        ("This is no year in which a school year ends.", "Write 2027 for 2026/2027."),
    ),
    "oneroster_years_mixed": (
        ("Периоды класса из разных учебных лет.", "Оставьте периоды одного года."),
        ("The terms of the class are of several school years.", "Keep those of one year."),
    ),
    "oneroster_no_role": (
        ("У пользователя нет роли в roles.csv.", "Добавьте роль или уберите пользователя."),
        ("The user has no role in roles.csv.", "Add a role, or leave the user out."),
    ),
    "oneroster_class_unknown": (
        (
            "Этот класс в списке изменений не описан и раньше не загружался.",
            "Загрузите полный список или добавьте класс и его период в этот.",
        ),
        (
            "The list of changes does not describe this class, nor did an earlier list.",
            "Load a full list, or add the class and its term to this one.",
        ),
    ),
    "oneroster_group": (
        (
            "Неясно, учеников какого класса учит эта группа.",
            "Запишите класс в classCode или зачислите в группу учеников.",
        ),
        (
            "Which class the pupils of this group are of is unclear.",
            "Write the class into classCode, or enrol pupils in the group.",
        ),
    ),
    "oneroster_homeroom": (
        (
            "classCode группы — {name}, но такого класса (homeroom) в списке нет.",
            "Добавьте класс в classes.csv, исправьте classCode или зачислите в группу учеников.",
        ),
        (
            "The classCode of the group is {name}, but there is no such class (homeroom).",
            "Add the class to classes.csv, correct the classCode, or enrol pupils in the group.",
        ),
    ),
    "oneroster_agent": (
        (
            "agentSourcedIds связывает не ученика со взрослым.",
            "Укажите у ученика родителей, у родителя — детей.",
        ),
        (
            "agentSourcedIds ties something else than a pupil to an adult.",
            "Give a pupil the parents, and a parent the children.",
        ),
    ),
    "oneroster_no_class": (
        ("Ученик не зачислен ни в один класс (homeroom).", "Добавьте строку в enrollments.csv."),
        ("The pupil is enrolled in no homeroom.", "Add a line to enrollments.csv."),
    ),
    "oneroster_no_child": (
        (
            "Родитель не связан ни с одним учеником этой школы.",
            "Укажите ученика в agentSourcedIds.",
        ),
        ("The parent is tied to no pupil of this school.", "Name the pupil in agentSourcedIds."),
    ),
    "oneroster_disabled": (
        (
            "Учётная запись отключена (enabledUser), человек остаётся в списке.",
            "Если он выбыл, уберите его из списка.",
        ),
        (
            "The account is disabled (enabledUser); the person stays on the list.",
            "If they left, take them off the list.",
        ),
    ),
}
