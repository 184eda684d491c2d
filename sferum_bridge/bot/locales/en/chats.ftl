# Logging in to Sferum, its chats, and how they are linked to the school's.

sferum-off = The connection to Sferum is switched off at this school. If it is needed, ask the school’s administrator.
sferum-nobody = Pupils, parents and staff of the school can connect Sferum. Right now you have no role in a school: see `who am i` and ask the class teacher.
sferum-none = You are not logged in to Sferum, or there is no such login. To log in: `sferum login`
sferum-asking = Asking Sferum, this may take up to a minute…
sferum-gone = That question is closed, and nothing has changed. Say the command again if you still want it.
sferum-cancelled = All right, nothing has changed.

sferum-network-unavailable = Sferum does not answer right now, and nothing has changed. Say the command again in a few minutes.
sferum-network-too-fast = Sferum asks to wait: there were too many requests. Say the command again in a minute.
sferum-network-login-expired = The login to Sferum has ended. Log in again: `sferum login`
sferum-network-needs-person = Sferum wants the login to be confirmed. Open web.vk.me in a browser, confirm, and log in here again: `sferum login`
sferum-network-refused = Sferum refused: perhaps you are no longer in that chat. See your chats: `chats`

sferum-key-how =
    To log in to Sferum I need the key of your login, the cookie `remixdsid`. This is done once, on a computer:

    1. Open `https://web.vk.me` and sign in to your educational profile.
    2. Press F12. In Chrome open the tab “Application”, in Firefox “Storage”.
    3. On the left: Cookies → `https://web.vk.me`. Find the line `remixdsid`.
    4. Copy its value and send it here as one message.

    Browsers on a phone do not show this key: take a computer and open the chat with me there. You need the computer only once.

    The key opens your whole account, so show it to nobody but me. I delete the message with it at once, and keep the key encrypted. If you changed your mind: `cancel`
sferum-key-expected = I am waiting for the key of your login to Sferum: the value of the cookie `remixdsid`. How to find it: `sferum login`. If you changed your mind: `cancel`
sferum-key-hidden = I deleted the message with the key.
sferum-key-visible = **Please delete the message with the key yourself:** I could not. While it can be seen, whoever reads it can use the key.
sferum-key-tried = Trying the key…
sferum-key-unasked = This looks like the key of a login to Sferum. To log in with it, first write `sferum login`, then send the key again. If you meant it for somebody else, sign out of VK on all devices: then the old key no longer works.
sferum-key-in-a-room = That was the key of your Sferum account, and members of the room may have seen it. Sign out of VK on all devices: then the old key no longer works. Logging in to Sferum is done only here, in the direct chat: `sferum login`
sferum-key-wrong = That key does not work: perhaps it is not whole, from another line, or has ended. Reload `https://web.vk.me`, copy the value of `remixdsid` again and send it here. If you changed your mind: `cancel`
sferum-no-profile = The key is right, but that account has no educational profile. Create one in the VK Messenger app, or sign in to `https://web.vk.me` with another account and send its key. If you changed your mind: `cancel`
sferum-taken = Somebody else has connected that Sferum profile already. Everybody logs in for themselves only. If it is yours, ask the school’s administrator: the earlier login has to be closed.

sferum-account = The key works. It is the educational profile: **{ $name }**
sferum-account-differs = At school you are called otherwise: { $own }. Connect only your own profile: your messages will be seen under its name.
sferum-account-how = Is that you? ✅ or `confirm` — connect. ❌ or `cancel` — do not, and forget the key.
sferum-connected = Done, Sferum is connected. What you write in linked rooms is seen in Sferum as yours, and the other way round. How the login is: `sferum`. To log out: `sferum logout`
sferum-connected-staff = Done, Sferum is connected. What you write in linked rooms is seen in Sferum as yours, and the other way round. Now you can link chats: `chats`. How the login is: `sferum`. To log out: `sferum logout`

sferum-which = You have several logins. Which one is to end? Write, for example, `{ $example }`
sferum-which-line = { $number } — { $name }
sferum-leave = Log out of Sferum: **{ $name }**? I will erase the key.
sferum-leave-stay = These chats stay linked, through the login of somebody else who is both there and here:
sferum-leave-heir = “{ $room }” — from then on through the login of { $who }
sferum-leave-chats = These chats will be unlinked, since no other login sees them. Whoever is in the same chats and logged in to Sferum can link them again: `chats`
sferum-leave-later = Messages are still under way in these chats. Wait a minute and answer again: `confirm`
sferum-leave-how = ✅ or `confirm` — log out. ❌ or `cancel` — stay.
sferum-left = Done: you are logged out and the key is erased. For the key to stop working altogether, sign out of `https://web.vk.me` too

sferum-own = Your logins to Sferum:
sferum-login-works = { $name } — works since { DATETIME($since, dateStyle: "medium", timeStyle: "short") }, last heard { DATETIME($heard, dateStyle: "medium", timeStyle: "short") }
sferum-login-works-undated = { $name } — works, last heard { DATETIME($heard, dateStyle: "medium", timeStyle: "short") }
sferum-login-new = { $name } — connected, not heard yet
sferum-login-expired = { $name } — has ended, log in again: `sferum login`
sferum-linked = Linked rooms:
sferum-linked-works = “{ $room }” — through the login of { $who }
sferum-linked-relay = “{ $room }” — through the login of { $who }. Under that name those without a login are seen in Sferum too
sferum-linked-expired = “{ $room }” — **messages do not pass**: a new login is needed. Whose: { $who }
sferum-heard = Here you are seen in Sferum in your own name, though the chat is linked through another login:
sferum-no-owner = the school’s own
sferum-how = You can also write `chats` — your Sferum chats, `sferum login` — log in again, `sferum logout` — log out.
sferum-how-new = You are not logged in to Sferum. If you are, your messages in linked rooms are seen in Sferum as yours, and the other way round: `sferum login`

sferum-lost = Your login to Sferum has ended, so no messages come from there. Log in again, the rest mends itself: `sferum login`
sferum-lost-confirm = Your login to Sferum has ended: Sferum wants it to be confirmed. Open `https://web.vk.me`, confirm, and then log in here again: `sferum login`
sferum-lost-school = Sferum’s messages no longer pass: a login to Sferum has ended. Whose: { $who }. Rooms: { $rooms }. Ask that person to write `sferum login` to me, the rest mends itself.
sferum-lost-console = Sferum’s messages no longer pass: the school’s login to Sferum has ended ({ $name }). Rooms: { $rooms }. A new login is made on the server: `sferum-bridge sferum login`

chats = Your chats in Sferum:
chats-line = { $number } — “{ $title }”, members: { $count }
chats-suggested = { $number } — “{ $title }”, members: { $count }. Looks like “{ $room }”
chats-linked = { $number } — “{ $title }”, members: { $count }. Linked to “{ $room }”
chats-linked-relay = { $number } — “{ $title }”, members: { $count }. Linked to “{ $room }”, those without a login are seen too
chats-personal = { $number } — { $title }, personal chat
chats-personal-linked = { $number } — { $title }, personal chat. It is here too
chats-personal-how = A personal chat can be had here too: `link` and its number. Only you see it. If you want it no longer: `unlink` and the number.
personal-opening = I am opening this personal chat here: { $title }. It appears among your chats in a few seconds. Only you and your partner in Sferum see it.
personal-taken = This personal chat is here already: { $title }. Look for it among your chats. If you want it no longer: `unlink` and the number.
personal-ended = Done: this personal chat is no longer linked to Sferum: { $title }. Earlier messages stay. To link it again: `link` and the number.
personal-none = This personal chat is not linked: { $title }. To link it: `link` and the number.
personal-failed = This personal chat could not be opened: { $title }.
personal-failed-here = The school's server cannot make a chat for it now. Try again later: `chats`, then `link` and its number. If it fails again, tell the school's administrator.
chats-failed = { $name }: { $why }
chats-more = …and { $count } more, for which there was no space.
chats-none = There are no chats of several people in your Sferum. If there is one and it is not here, check at `https://web.vk.me` that you are signed in to the educational profile.
chats-none-linked = There are no linked chats you decide about. To link one: `chats`, then `link 3`
chats-how = To link: `link 3`, or with what: `link 3 5А parents`. To unlink: `unlink 3`
chats-right = Chats are linked by the class teacher (of the own class) or an administrator of the school.
chats-no-such = There is no such number in the list. The list: `chats`
chat-room = “{ $room }”

link-how = Which chat? First write `chats`, then a number of the list: `link 3`
link-which = To which room of the school? Write the class and the kind — `parents` or `pupils`: `link { $number } 5А parents`. Or `link { $number } staff` — the staff room.
link-right = You have no right to link “{ $room }”. The class teacher of that class or an administrator of the school can do that.
link-no-room-yet = “{ $room }” is still being made. Say the command again in a minute.
link-chat-taken = “{ $title }” is linked to “{ $room }” already. To link it to another, unlink it first: `unlink { $number }`
link-room-taken = “{ $room }” is linked to another chat of Sferum already. To link it to this one, unlink it first: `unlink { $room }`
link-ask =
    Link?

    - Sferum: “{ $title }”, members: { $count }
    - Here: “{ $room }”, members: { $here }

    Of the chat’s people in Sferum { $outside ->
        [0] all seem to be here too.
       *[other] not here, or not known to me: { $outside }. They will read everything that people who are logged in to Sferum write here.
    } Everybody here will see what is written in Sferum.

    ✅ or `confirm` — link. ❌ or `cancel` — do not.
link-done = Done: “{ $title }” is linked to “{ $room }”. Everything comes here; from here goes what people write who are logged in to Sferum. For the others to be seen too: `relay { $room } on`

unlink-ask =
    Unlink the chat of Sferum from “{ $room }”? Earlier messages stay, new ones no longer pass.

    ✅ or `confirm` — unlink. ❌ or `cancel` — keep.
unlink-which = Which chat is to be unlinked? Write its number in `chats` or its name behind the command:
unlink-done = Done: “{ $room }” is no longer linked to Sferum.

relay-how = Those who are not logged in to Sferum can be seen there too: through your account, with their name in front. On: `relay 5А parents on`. Off: `relay 5А parents off`
relay-which = Which chat do you mean? Write its number in `chats` or its name:
relay-ask =
    In “{ $room }” people write who are not logged in to Sferum. Show their messages there under your name? The name of the writer stands in front, but your account sends them.

    ✅ or `confirm` — show. ❌ or `cancel` — do not.
relay-already-on = So it is: the others are seen in Sferum already. Off: `relay 5А parents off`
relay-already-off = So it is: only those who are logged in are seen in Sferum. On: `relay 5А parents on`
relay-not-yours = Only whoever’s account links the chat can switch this on: others’ messages will go out under their name. Who it is: `sferum`
relay-done-on = Done: everybody in “{ $room }” is seen in Sferum now, with their name in front. Off: `relay { $room } off`
relay-done-off = Done: of “{ $room }” only those who are logged in are seen in Sferum.

chat-news-linked = “{ $room }” was linked to a chat of Sferum. By: { $who }. All links: `sferum`
chat-news-unlinked = “{ $room }” is no longer linked to Sferum. By: { $who }. Whoever is logged in to Sferum can link it again: `chats`
chat-news-standing = “{ $room }” is no longer linked to Sferum: the link went through the login of somebody who is no longer responsible for this room ({ $who }). What was written here stays. To go on where it ended, link the chat through your own login: `sferum login`, then `chats`
chat-news-closed = “{ $room }” is no longer linked to Sferum: the class is closed, and nobody can write in the room. What was written here stays. The chat of Sferum can be linked to the room of a class that is there now: `chats`
chat-news-standing-own = “{ $room }” is no longer linked to Sferum through your login: you are no longer responsible for it. If that is a mistake, tell the school’s administrator. The login itself stays; to end it: `sferum logout`
chat-news-inherited = “{ $room }” is linked to Sferum through your login now. Before, it went through that of somebody who logged out: { $who }. If you do not want that: `unlink { $room }`
chat-news-relay-on = “{ $room }”: those without a login are seen in Sferum now. By: { $who }
chat-news-relay-off = “{ $room }”: only those who are logged in are seen in Sferum now. By: { $who }
chat-room-linked = This room is now linked to the Sferum chat “{ $title }”: what is written there is seen here. What is written here is seen there if the writer is logged in to Sferum (in the direct chat with the assistant: `sferum`).
chat-room-unlinked = This room is no longer linked to Sferum: no messages pass.
chat-room-relay-on = From now on everything written here is seen in Sferum too: with the writer’s name, through the account of { $name }.
chat-room-relay-off = From now on only messages of those who are logged in to Sferum are seen there.

help-sferum =
    Sferum:

    - `sferum` — your login to Sferum: in, out, how it is
help-sferum-staff =
    Sferum:

    - `sferum` — your login to Sferum: in, out, how it is
    - `chats` — your Sferum chats and what they look like
    - `link 3 5А parents`, `unlink 3` — link a chat to a room of the school
    - `relay 5А parents on` — show those without a login in Sferum too

action-sferum-login = Sferum connected
action-sferum-logout = Sferum disconnected
action-chat-unlink = a Sferum chat unlinked from a room
action-chat-standing-over = a Sferum chat unlinked: the login’s owner is no longer responsible for it
action-chat-hand-over = a Sferum chat passed to somebody else’s login
action-chat-relay-on = those without a login are seen in Sferum
action-chat-relay-off = only those who are logged in are seen in Sferum
