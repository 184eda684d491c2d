# Rooms that changed without the bot, and a new account instead of a former one.

drift-reason = The school decides who is in this room. If you should be in it, write to the school’s bot or an administrator.

drift-actor-name = The school decides what the room “{ $room }” is called, so I have put its name back. Who can change it: the school’s administrator, with the name of the class.
drift-actor-shape = The school decides about settings and rights in the room “{ $room }”, so I have put them back. If something has to change, write to the school’s administrator.
drift-actor-stranger = Only the school invites people into the room “{ $room }”, by their roles. The invite has been taken back: { $whom }. If this person should be in the room, write to the school’s administrator.
drift-actor-removed = The school decides who is in the room “{ $room }”, by people’s roles. I am bringing this member back: { $whom }. If their role has ended, write to the school’s administrator.
drift-subject-stranger = You came into a room of the school, or were invited into it, and not by the school, so that has been undone. There is nothing to do. If you should be in that room, turn to the class teacher or the school’s administrator.
drift-subject-left = You have left the room “{ $room }”. I do not bring you back against your will. To return to your rooms, write `come back`

drift-open = **A human has to help.** I cannot mend this myself:
drift-done = The school’s rooms were changed without me. I have put everything right, there is nothing to do:
drift-left = These people left rooms by themselves. I bring nobody back against their will. They can return with `come back`:
drift-more = …and { $count } more. All records are in `journal`
drift-nobody = the bot’s account or the server

drift-line-power = “{ $room }”: rights were changed. By: { $by }
drift-line-name = “{ $room }”: the name was changed. By: { $by }
drift-line-entry = “{ $room }”: who may come in or read what was written before was changed. By: { $by }
drift-line-added = “{ $room }”: an address, a widget or a list of servers was added. By: { $by }
drift-line-space = “{ $room }”: the list of rooms was changed. By: { $by }
drift-line-stranger = “{ $room }”: a stranger was removed or an invite taken back: { $whom }. Invited by: { $by }
drift-line-removed = “{ $room }”: a member was removed and is being brought back: { $whom }. Removed by: { $by }
drift-line-back = “{ $room }”: the bot was outside and has come back. Removed by: { $by }
drift-line-banned = “{ $room }”: a ban was left as it is: { $whom }. Banned by: { $by }. To lift it: `sferum-bridge rooms admit { $account } { $key }`
drift-line-left = { $whom }: “{ $room }”
drift-line-out = “{ $room }”: the bot is outside, and nobody can let it in. Removed by: { $by }. To make a new room instead: `sferum-bridge rooms renew { $key }`
drift-line-encrypted = “{ $room }”: encryption was turned on and cannot be turned off. By: { $by }. To make a new room instead: `sferum-bridge rooms renew { $key }`
drift-line-upgraded = “{ $room }”: it was declared replaced by another room. By: { $by }. To make the school’s own instead: `sferum-bridge rooms renew { $key }`
drift-line-stuck = “{ $room }”: the bot lost its rights. By: { $by }. To make a new room instead: `sferum-bridge rooms renew { $key }`

come-back-done = Very well, I am bringing you back into your rooms. It takes up to a minute.
come-back-nothing = You are in every room your roles give you. To see them: `why`. If a room is missing, write to the school’s administrator.

replace-right = You have no right to do this. Who can: the pupil’s class teacher or the school’s administrator.
replace-how =
    The new account gets all of the person’s roles, the former one loses them. First, let the person write anything to me from the new account. Then write whose it is, and which:

    `{ $word } Petrova Anna { $example }`
replace-self = You cannot replace your own account. Who can: the school’s administrator; if that is you, another administrator or the system’s operator.
replace-family = This is your family, so the decision is not yours. Who can: an administrator of the school who is not of the family.
replace-staff = This person works at a school. Who can: an administrator of every school they work at.
replace-taken = The account { $account } is somebody’s already. Choose another one: one account is one person.
replace-silent = Nobody has written to me from { $account }. Let the person open a chat with me from the new account and write anything. Then repeat the command.
replace-ask =
    Person: **{ $who }**
    Former account: { $old }
    New account: { $account }

    The new one gets all roles and rooms, the former one loses them. Make sure that it is the person who asks: face to face, or by a telephone number you know.

    ✅ or `confirm` to replace. ❌ or `cancel` to leave everything as it is.
replace-gone = This question is closed, nothing has changed. Repeat the command if it is still needed.
replace-done = Done: **{ $who }** is { $account } now. The rooms open within a minute, and the former account leaves them.
replace-new = Hello, { $who }! This is your account at the school now: your roles and rooms have moved to it. What you can write: `help`
replace-old = This account has nothing to do with the school any more: the school replaced it by another one. If you did not ask for that, tell at once: { $contact }
replace-news = An account was replaced. Person: { $who }, new account: { $account }. There is nothing to do. If this is a mistake, tell the school’s administrator.

action-account-replace = account replaced
action-drift-power = rights in a room put back
action-drift-name = name of a room put back
action-drift-entry = rules of entry of a room put back
action-drift-added = something removed from a room
action-drift-space = list of rooms put back
action-drift-stranger = stranger removed from a room
action-drift-removed = member brought back into a room
action-drift-left = member left a room by themselves
action-drift-banned = member banned from a room
action-drift-back = the bot came back into a room
action-drift-out = the bot removed from a room
action-drift-encrypted = encryption turned on in a room
action-drift-upgraded = room declared replaced
action-drift-stuck = the bot without rights in a room
action-drift-back-again = member comes back into rooms
action-room-renew = new room made instead of another
action-room-admit = ban from a room lifted
