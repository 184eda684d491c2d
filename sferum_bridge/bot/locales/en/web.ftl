# The pages that links open.

page-brand = The school’s assistant
page-help = Not working? Write to the class teacher, or here: { $contact }.
page-old = The page is out of date, or your sign-in has ended. Nothing has changed. Please try again.
page-no-cookie = The page is out of date, or the browser keeps no cookies. Nothing has changed. Please try again. If you see this once more, allow cookies for this site, or confirm in an app: how to do that is written below.
page-failed = That did not work just now, and it is not your fault. Wait a little and try again. If that does not help, write here: { $contact }.

page-invite-title = An invite for a parent
page-invite-intro = With this link a parent confirms their child at school. Opening it has changed nothing. The child’s data are shown after you sign in.
page-invite-broken = A part of the code is missing in the link. Copy the whole link from the message, or ask for it again.

# Signing in here.
page-sign-in-title = Check and confirm here
page-sign-in-intro = Sign in with **your own** account, not with the child’s.
page-sign-in-account = The school gives you the account. If you have none or forgot the password, ask the class teacher.
page-or = or
page-sign-in-user = User name
page-sign-in-password = Password
page-sign-in-button = Sign in
page-sign-in-sso = Sign in through the school’s sign-on
page-sign-in-with = Sign in with { $provider }
page-sign-in-private = On a shared device open the link in a private window. The school’s server checks the password; the assistant does not keep it.
page-sign-in-away = Nobody can sign in right now: the school’s server does not answer. Try again in a few minutes. The invite is as it was.
page-sign-in-wrong = The user name or the password does not fit. Check the keyboard layout and capitals. If you forgot the password, ask the school.
page-sign-in-not-ours = Only accounts of the server { $server } can sign in here. With another account please confirm in an app: how to do that is written below.
page-sign-in-wait =
    Too many tries. Try again in { $minutes } { $minutes ->
        [one] minute
       *[other] minutes
    }.
page-sign-in-lost = Signing in was not finished: it took long, or began in another browser. Open the invite link and sign in again. If that fails once more, allow cookies for this site, or confirm in an app.

# Who is signed in.
page-signed-in = Signed in: **{ $account }**
page-sign-out = Sign out
page-another-account = Sign in with another account
page-show-title = What comes next
page-show-intro = Look at the child’s data and decide whether to confirm. Looking changes nothing.
page-show = Show the child’s data
page-again = Try again

# The answer.
page-say-confirm = Confirm: this is my child
page-say-not-mine = This is not my child
page-say-later = Decide later
page-correct-title = Correct the data
page-correct-intro = Fill in only what is wrong. You can confirm after that.
page-correct-empty = There is nothing to correct: all the fields were empty.
page-correct-family = Family name
page-correct-given = Given name
page-correct-middle = Patronymic
page-correct-birth = Date of birth
page-correct-button = Send the correction
page-rooms-title = The school’s chats
page-rooms-intro = Chats, events and the assistant’s messages are in your Matrix app, under this same account.
page-open-file = Open the file: { $name }

# In an app.
page-app-title = Confirm in an app
page-app-title-or = Or confirm in an app
page-app-step-client = Open any Matrix app, for example Element, and sign in with **your own** account. If the app asks for a server: `{ $server }`
page-app-step-bot = Start a direct chat with the school’s assistant:
page-app-open = Open the chat with the assistant
page-app-open-otherwise = The app did not open? Another way
page-app-step-code = Send the assistant this code. Press on the code to select all of it:
page-app-step-answer = The assistant shows the child’s data and asks whether you confirm.
page-app-qr = Open this page on a phone (QR code)
page-app-qr-alt = QR code of this same invite link
