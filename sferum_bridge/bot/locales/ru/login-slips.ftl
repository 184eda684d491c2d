# Logins on paper, made at the school's console, and what is said about the password on them.

login-slips-title = { $kind ->
    [staff] Вход в школьный чат: сотрудники, { $school }
    [parents] Вход в школьный чат: родители { $class }, { $school }
    [others] Вход в школьный чат: без класса, { $school }
   *[pupils] Вход в школьный чат: ученики { $class }, { $school }
}
login-slips-file = { $kind ->
    [staff] сотрудники
    [parents] { $class }-родители
    [others] без-класса
   *[pupils] { $class }
}
login-slip-whose = { $kind ->
    [staff] { $name }
    [parents] { $name }, родитель, { $class }
    [others] { $name }
   *[pupils] { $name }, { $class }
}
login-slip-what = { $school }
login-slip-login = Логин
login-slip-password = Пароль
login-slip-server = Сервер
login-slip-steps-client =
    Наведите камеру на картинку или откройте адрес внизу. В приложении Matrix укажите сервер.
    Введите логин и пароль с этого листка.
    Сразу смените пароль: настройки → учётная запись → пароль.
    Напишите помощнику школы ({ $bot }): помощь.
login-slip-steps =
    Откройте любое приложение Matrix и укажите сервер: его адрес есть и на картинке.
    Введите логин и пароль с этого листка.
    Сразу смените пароль: настройки → учётная запись → пароль.
    Напишите помощнику школы ({ $bot }): помощь.
login-slip-note = Никому не показывайте. Потеряли листок или пароль — выдадут новый: { $contact }

hello-password = Вы вошли с паролем с листка. Смените его сейчас: настройки приложения → учётная запись → пароль. Если там такого нет, откройте школьный чат в браузере. Новый пароль не говорите никому: ни я, ни школа его не спросим.

action-account-reset = выдан новый первый пароль
