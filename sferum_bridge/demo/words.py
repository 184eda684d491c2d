"""What a demo says to whoever started it, in Russian and English."""

from __future__ import annotations

import os
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

FIRST_STEPS: Mapping[str, str] = {
    "ru": """\
Что попробовать:
1. Войдите в любом клиенте Matrix учеником: адрес сервера {homeserver}, логин и пароль — выше.
2. Начните личный чат с {bot} и напишите: пригласить
3. В другом клиенте (или окне инкогнито) войдите родителем, пришлите код боту и нажмите ✅.
4. Напишите учеником в «{chat}»: сообщение появится в Сферуме — {command} demo sferum{folder}
5. Ответьте из Сферума: {command} demo sferum{folder} "Привет из Сферума!"
Остановить: Ctrl-C.""",
    "en": """\
What to try:
1. In any Matrix client sign in as the pupil: homeserver {homeserver}, login and password as above.
2. Start a direct chat with {bot} and write: invite
3. In another client (or a private window) sign in as the parent, send the code to the bot, tap ✅.
4. As the pupil write in “{chat}”: it appears in Sferum — {command} demo sferum{folder}
5. Answer from Sferum: {command} demo sferum{folder} "Hello from Sferum!"
Stop with Ctrl-C.""",
}


def language_of_environment() -> str:
    """Return the language the terminal is set to, Russian unless it names English."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(name, "")
        if value:
            return "en" if value.lower().startswith("en") else "ru"
    return "ru"
