# What people learn of the relay to Sferum and back.

relay-not-heard = Your messages in this chat are not seen in Sferum: your account is not connected to it. Members in Matrix see them. If they should be seen in Sferum too, ask the class teacher.

network-unavailable = The message did not reach Sferum: it does not answer. Please send it again later.
network-too-fast = The message did not reach Sferum: too many messages at once. Please send it again in a minute.
network-login-expired = The message did not reach Sferum: the login to Sferum has ended. Please tell the school's administrator that a new login is needed.
network-own-login-expired = The message did not reach Sferum: your login to Sferum has ended. Log in again: `sferum login`
network-needs-person = The message did not reach Sferum: it asks for the login to be confirmed. Open Sferum in a browser with the same account, confirm, and send the message again.
network-refused = The message did not reach Sferum: it was refused. Perhaps nobody may write in that chat, or the text is too long. Members in Matrix see the message.
network-not-taken = The message did not reach Sferum: it works otherwise, but failed at this message again and again. Members in Matrix see the message.


# --- Messages from Sferum, as they are seen in Matrix ----------------------------------------

relay-somebody = Somebody
relay-empty = An empty message: there is nothing in it that can be shown.
relay-unreadable = Here is a message from Sferum that could not be shown. You can read it in Sferum.
relay-other-part = [an attachment, “{ $kind }”, which you can open in Sferum]
relay-more = … { $count } more
relay-more-files =
    … { $count ->
        [one] { $count } more file
       *[other] { $count } more files
    } in Sferum
relay-buttons = Buttons (you can press them in Sferum):
relay-transcript = In words:
relay-corrected = Corrected in Sferum:
relay-place = A place on the map: { $where }

relay-forwarded = Forwarded, by { $name }:
relay-forwarded-at = Forwarded, by { $name }, { DATETIME($at, dateStyle: "long", timeStyle: "short") }

relay-poll = Poll: { $question }
relay-poll-answer =
    • { $answer } — { $count ->
        [one] { $count } vote
       *[other] { $count } votes
    }
relay-poll-multiple = Several answers may be chosen.
relay-poll-anonymous = The vote is secret.
relay-poll-closed = The poll is closed.
relay-poll-where = You can vote in Sferum.

relay-call = A call is going on. Join:
relay-call-ended = The call has ended, { $duration }
relay-call-ended-together = The call has ended, { $duration }, people in it: { $count }
relay-call-over = The call has ended
relay-call-missed = A missed call

relay-page-link = Link:
relay-page-video = Video:
relay-page-post = Post:

# What a file without a name is called, and what stands for it in a forwarded message.
relay-file-photo = [photo]
relay-file-video = [video]
relay-file-voice = [voice message]
relay-file-audio = [audio]
relay-file-document = [document]
relay-file-sticker = [sticker]
relay-file-drawing = [drawing]

relay-size = { $count } MB
relay-missing-too-big = The file “{ $name }” ({ $size }) is too large for the chat in Matrix. You can open it in Sferum.
relay-missing-wrong-kind = The file “{ $name }” ({ $size }) is of a kind that the school does not let through: it may be harmful. If you expect this file, ask for it in another form, such as PDF.
relay-missing-gone = The file “{ $name }” ({ $size }) could not be fetched from Sferum. Try to open it there, or ask for it to be sent again.
relay-missing-program = The school does not let the file “{ $name }” ({ $size }) through: it is a program, whatever it is called. Better not open it in Sferum either.
relay-missing-holds-program = The school does not let the file “{ $name }” ({ $size }) through: a program or a macro is in it. Ask for it without.
relay-missing-sealed = The school does not let the file “{ $name }” ({ $size }) through: nobody can look into this archive. Ask for an ordinary ZIP without a password.
relay-missing-virus = The school does not let the file “{ $name }” ({ $size }) through: a virus was found in it. Do not open it in Sferum either.

relay-service-created = { $name } creates the chat “{ $title }”
relay-service-renamed = { $name } renames the chat: “{ $title }”
relay-service-photo-changed = { $name } changes the chat's photo
relay-service-photo-removed = { $name } removes the chat's photo
relay-service-invited = { $name } adds to the chat: { $subject }
relay-service-joined = { $name } is in the chat now
relay-service-joined-by-link = { $name } is in the chat now (by a link)
relay-service-kicked = { $name } removes from the chat: { $subject }
relay-service-left = { $name } is no longer in the chat
relay-service-pinned = { $name } pins a message
relay-service-unpinned = { $name } unpins a message
relay-service-screenshot = { $name } takes a screenshot
relay-service-call-started = { $name } starts a call
relay-service-style-changed = { $name } changes the look of the chat
relay-service-other = A change in the chat
