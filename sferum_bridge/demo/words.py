"""What a demo says to whoever started it, in Russian and English."""

from __future__ import annotations

import os
from string import Formatter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

LANGUAGES = ("ru", "en")

STEPS: Mapping[str, Mapping[str, str]] = {
    "ru": {
        "roster": "Загружаю список школы: {file}",
        "synapse": "Запускаю Synapse",
        "standin": "Запускаю заменитель Сферума",
        "accounts": "Учётные записи",
        "bridge": "Запускаю мост",
        "rooms": "Комнаты и участники",
        "link": "Связываю чат Сферума «{chat}» с комнатой",
        "stopping": "Останавливаю (ещё раз Ctrl-C — прервать сразу)",
        "stopped": "Остановлено. Продолжить: make demo. Начать заново: make demo-reset",
    },
    "en": {
        "roster": "Importing the school's roster: {file}",
        "synapse": "Starting Synapse",
        "standin": "Starting the Sferum stand-in",
        "accounts": "Accounts",
        "bridge": "Starting the bridge",
        "rooms": "Rooms and members",
        "link": "Linking the Sferum chat “{chat}” to its room",
        "stopping": "Stopping (Ctrl-C again kills)",
        "stopped": "Stopped. Continue with: make demo. Start afresh with: make demo-reset",
    },
}

TABLE: Mapping[str, Mapping[str, str]] = {
    "ru": {
        "title": "Школа работает",
        "homeserver": "Адрес сервера",
        "bot": "Помощник (бот)",
        "role": "Кто",
        "name": "Имя",
        "login": "Логин",
        "password": "Пароль",
        "administrator": "Администратор",
        "class_teacher": "Классный руководитель",
        "pupil": "Ученик",
        "parent": "Родитель (ребёнок ещё не подтверждён)",
        "second_parent": "Второй родитель того же ребёнка",
        "outsider": "Посторонний",
        "all": "Логины всех остальных: {path}",
        "moved": "Порт {used} вместо {preferred} ({what}): тот был занят.",
        "synapse": "Synapse",
        "bridge": "мост",
        "standin": "заменитель Сферума",
    },
    "en": {
        "title": "The school is open",
        "homeserver": "Homeserver",
        "bot": "Assistant (bot)",
        "role": "Who",
        "name": "Name",
        "login": "Login",
        "password": "Password",
        "administrator": "Administrator",
        "class_teacher": "Class teacher",
        "pupil": "Pupil",
        "parent": "Parent (child not confirmed yet)",
        "second_parent": "Second parent of the same child",
        "outsider": "Outsider",
        "all": "Everybody else's logins: {path}",
        "moved": "Port {used} instead of {preferred} ({what}), which was taken.",
        "synapse": "Synapse",
        "bridge": "bridge",
        "standin": "Sferum stand-in",
    },
}

# One step a line; those that speak of what a roster does not have are left out.
_FIRST_STEPS: Mapping[str, str] = {
    "ru": """\
Что попробовать:
Ученик: войдите в любом клиенте Matrix (адрес сервера {homeserver}, логин и пароль выше), начните \
личный чат с {bot} и напишите: пригласить
Родитель: откройте ссылку из ответа в окне инкогнито, войдите, проверьте данные ребёнка и \
подтвердите. Или войдите в другом клиенте, пришлите код боту и нажмите ✅
Классный руководитель: напишите боту «листки {class_name}» — приглашения для родителей на бумаге
Он же: «пригласить ученика {class_name} {newcomer}» — по ссылке из ответа ученик сам создаст \
учётную запись. Почта в демо не настроена, писем не будет
Посторонний: «заявка». Её увидят классный руководитель и администратор: «одобрить»
Администратор: «найти {class_name}», «назначить», «журнал». Что ещё можно, скажет «помощь»
Напишите учеником в «{chat}»: сообщение появится в Сферуме — {sferum}
Ответьте из Сферума: {sferum} "Привет из Сферума!"
Остановить: Ctrl-C.""",
    "en": """\
What to try:
The pupil: sign in to any Matrix client (homeserver {homeserver}, login and password as above), \
start a direct chat with {bot} and write: invite
The parent: open the link of the answer in a private window, sign in, check the child's data and \
confirm. Or sign in to another client, send the code to the bot and tap ✅
The class teacher: write “slips {class_name}” to the bot — invites for parents on paper
And “invite pupil {class_name} {newcomer}” — by the link of the answer the pupil makes an account. \
No mail server is set in the demo, so no letter is sent
The outsider: “apply”. The class teacher and the administrator see it: “approve”
The administrator: “find {class_name}”, “appoint”, “journal”. What else there is, “help” says
As the pupil write in “{chat}”: it appears in Sferum — {sferum}
Answer from Sferum: {sferum} "Hello from Sferum!"
Stop with Ctrl-C.""",
}


def first_steps(language: str, **values: str) -> str:
    """Return what to try, without the steps that speak of what is not there (empty values)."""
    head, *steps, end = _FIRST_STEPS[language].splitlines()
    possible = [step for step in steps if all(values[name] for name in _named(step))]
    numbered = [f"{n}. {step.format_map(values)}" for n, step in enumerate(possible, start=1)]
    return "\n".join([head, *numbered, end])


def _named(text: str) -> list[str]:
    return [name for _, name, _, _ in Formatter().parse(text) if name]


def language_of_environment() -> str:
    """Return the language the terminal is set to, Russian unless it names English."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(name, "")
        if value:
            return "en" if value.lower().startswith("en") else "ru"
    return "ru"
