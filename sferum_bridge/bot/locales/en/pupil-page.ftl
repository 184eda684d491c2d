# The page that the link of a pupil’s invite opens.

page-pupil-title = For pupils
page-pupil-intro = This is an invite to the school’s chat for one pupil. Nothing happens until you fill in the form, and nothing of the child is shown.
page-pupil-how = Choose a password: at least { $least } characters, several words are best. Show it to nobody: the school does not keep it and will never ask for it. No phone and no e-mail is needed.
page-pupil-password = Password
page-pupil-repeat = The password again
page-pupil-submit = Create the account
page-pupil-existing = If you are signed in to Matrix with the child’s account already, send the code of the invite to the school’s assistant instead: { $bot }
page-pupil-no-form = Sign in to any Matrix app with the child’s account that the school gave you, and send the code of the invite to the school’s assistant: { $bot }
page-pupil-short = The password is too short: it needs at least { $least } characters, without line breaks. No account was created.
page-pupil-differ = The passwords differ. Type the same one twice. No account was created.
page-pupil-stale = The form is out of date, or the browser keeps no cookies. Type the password again. If you see this once more, allow cookies for this site.
page-pupil-unknown = The invite was not found or is no longer valid. Check that the link is complete, or ask the class teacher for a new one. If the account is there already, sign in with its login and password.
page-pupil-rate = Too many tries. Please try again in a few minutes. The invite is not used up.
page-pupil-later = The school’s server does not answer right now. Please try again in a few minutes, with the same link and the same password: the invite is not used up.
page-pupil-done = Done, the account is there!
page-pupil-login = Login
page-pupil-server = Server
page-pupil-keep = Write down the login and the password: the page shows the login only now.
page-pupil-step-client = Open any Matrix app, choose the server, and sign in with this login and your password.
page-pupil-step-bot = Accept the invites to the chats of the class, and write to the school’s assistant: { $bot }
