# What people learn of the relay to Sferum and back.

relay-not-heard = Your messages in this chat are not seen in Sferum: your account is not connected to it. Members in Matrix see them. If they should be seen in Sferum too, ask the class teacher.
relay-not-carried-edit = The correction stays in Matrix: only the first version of a message goes to Sferum. If it matters, write a new message.
relay-not-carried-file = Files, photos and voice messages stay in Matrix for now: only text goes to Sferum. Members in Matrix see everything.

network-unavailable = The message did not reach Sferum: it does not answer. Please send it again later.
network-too-fast = The message did not reach Sferum: too many messages at once. Please send it again in a minute.
network-login-expired = The message did not reach Sferum: the login to Sferum has ended. Please tell the school's administrator that a new login is needed.
network-needs-person = The message did not reach Sferum: it asks for the login to be confirmed. Open Sferum in a browser with the same account, confirm, and send the message again.
network-refused = The message did not reach Sferum: it was refused. Perhaps nobody may write in that chat, or the text is too long. Members in Matrix see the message.

login-lost = Your login to Sferum has ended, so no messages come from Sferum. Please tell the school's administrator that a new login is needed.

# What a relayed message holds besides text: one word in brackets.
label-photo = [photo]
label-video = [video]
label-audio = [audio]
label-audio-message = [voice message]
label-doc = [file]
label-sticker = [sticker]
label-graffiti = [drawing]
label-poll = [poll]
label-wall = [post]
label-link = [link]
label-call = [call]
label-geo = [place on the map]
label-forward = [forwarded messages]
label-service = [a change in the chat]
label-other = [an attachment that can be opened in Sferum]
