# Logins on paper, made at the school's console, and what is said about the password on them.

login-slips-title = { $kind ->
    [staff] Logins for the school chat: staff, { $school }
    [parents] Logins for the school chat: parents of { $class }, { $school }
    [others] Logins for the school chat: of no class, { $school }
   *[pupils] Logins for the school chat: pupils of { $class }, { $school }
}
login-slips-file = { $kind ->
    [staff] staff
    [parents] { $class }-parents
    [others] no-class
   *[pupils] { $class }
}
login-slip-whose = { $kind ->
    [staff] { $name }
    [parents] { $name }, parent, { $class }
    [others] { $name }
   *[pupils] { $name }, { $class }
}
login-slip-what = { $school }
login-slip-login = Login
login-slip-password = Password
login-slip-server = Server
login-slip-steps-client =
    Point a camera at the picture, or open the address below. A Matrix app asks for the server.
    Type the login and the password of this slip.
    Change the password at once: settings → account → password.
    Write to the school’s assistant ({ $bot }): help.
login-slip-steps =
    Open any Matrix app and name the server: the picture holds its address too.
    Type the login and the password of this slip.
    Change the password at once: settings → account → password.
    Write to the school’s assistant ({ $bot }): help.
login-slip-note = Show it to nobody. If slip or password is lost, you get a new one: { $contact }

hello-password = You signed in with the password of a slip. Change it now: the app’s settings → account → password. If there is none, open the school chat in a browser. Tell nobody the new one: neither I nor the school will ask for it.

action-account-reset = new first password given out
