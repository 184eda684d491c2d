# Who is who, help, and what the bot says when it cannot help.

e-out = This is a school’s assistant. To get in you need an invite from the school or from a child. If you have the code of an invite, send it here. Without one you can apply: `apply`. Help: { $contact }

hello = Hello, { $name }! I am the school’s assistant.

help-pupil =
    You are a pupil. You can write:

    - `invite` — a code, a link and a picture for a parent
    - `revoke` — switch your invite off
    - `my parents` — who is linked to your profile
    - `not a parent` — if a stranger is being linked
    - `materials` — lesson materials; `materials algebra September` finds what you need
    - `my consents` — what was agreed to
    - `journal` — who saw and changed your profile
help-parent =
    You are a parent. You can write:

    - `my children` — your children, classes and schools
    - `correct` — if your child’s data are wrong
    - `materials` — lesson materials; `materials algebra September` finds what you need
    - `leave` — no longer be a parent here
    - `my consents` — what was agreed to
    - `journal` — who saw and changed your profile

    To add another child, send the code of its invite.
help-class-teacher =
    You are a class teacher. You can write:

    - `approve` — who and what waits for you
    - `invite Петрова Анна` — an invite for a pupil’s parent
    - `slips 5А` — invites for the class on paper
    - `invite pupil 1А Петрова Анна` — bring a pupil in, with an e-mail if you like
    - `find Петрова` — find a pupil
    - `announce parents of 5А: we meet at 18:00` — tell your class
    - `announcements` — what you announced, and how many have read it
    - `materials 5A` — the class’s materials; 📚 under a message in the class’s chat files it there
    - `broadcast 5А: concert https://…` — ask your class to watch a broadcast
    - `!call` in a chat of the class — start a call, `!call end` — end it
    - `requests` — reports of messages that wait for you
    - `replace account` — if somebody lost their phone or password
help-administrator =
    You are an administrator of the school. You can write:

    - `approve` — everything that waits
    - `find Петрова` — find a pupil
    - `invite Петрова Анна` — an invite for a pupil’s parent
    - `slips 5А` — invites for a class on paper
    - `invite pupil 1А Петрова Анна` — bring a pupil in
    - `appoint`, `dismiss`, `hand over` — staff and dates
    - `transfer` — a pupil changes class or school
    - `year` — open the new school year
    - `pause`, `resume` — have the making of the school’s rooms rest for a while
    - `unlink parent` — on paper, with a second approver
    - `exception` — an adult who studies here
    - `announce school: assembly at 9:00` — tell the school, a grade (`grade 5`) or a class
    - `announcements` — what you announced, and how many have read it
    - `broadcast school: assembly https://…` — ask people to watch a broadcast
    - `!call` in a chat of the class — start a call, `!call end` — end it
    - `requests` — requests and reports that wait for you
    - `replace account` — if somebody lost their phone or password
    - `journal` — who did what
help-staff = You work at the school. If you teach a class: `materials 5A` — its materials, 📚 under a message in the class’s chat files it there. A call in a chat of yours, of the school or a class — `!call`. If you are a parent too, send the code of your child’s invite: no second account is needed.
help-newcomer = If you are a parent, send the invite code or link from your child. The child makes the code by writing `invite` to me. Without a code you can apply to the school: `apply`
help-everybody =
    For everybody:

    - `who am i` — your roles and account
    - `why` — why you are in the school’s chats; `why 5А · parents` — in one
    - `come back` — return to rooms you left
    - `request I cannot see the chat of 5А` — write to the school’s administrator
    - `report` — tell about a bad message; or 🚩 below it
    - `export`, `erase` — get your data, ask to have them deleted
    - `language ru` — перейти на русский
    - `help` — this text

    Here commands are plain words, in rooms of several people they begin with an exclamation mark: `!why`. If something does not work: { $contact }

not-understood = Sorry, I only understand commands and codes of invites. To see what you can write: `help`
failed = Sorry, something went wrong on my side, and nothing has changed. Please try again a little later. If that does not help: { $contact }
encrypted =
    Sorry, this chat is encrypted and I cannot read the message. Please start a new chat with me with encryption off: new room → turn “Enable encryption” off → invite { $bot }. Or ask the class teacher.

who = **{ $name }**
    Account: { $account }
who-school = { $school }:
who-nobody = Right now you have no role in a school. If you are a parent, send the code of your child’s invite.

children = Your children:
child = **{ $name }** — { $where }
child-pending = **{ $name }** — { $where } (waiting for the class teacher to check)
family-nowhere = **{ $name }** — in no class right now
children-none = There is nobody here yet. Ask your child to write `invite` to me, and send the code here.
parents = Your parents:
parent = **{ $name }**
parent-pending = **{ $name }** (waiting for the class teacher to check)
parents-none = There is nobody here yet. To invite a parent, write `invite`
parents-not-a-pupil = Pupils have this list. To see your children, write `children`

language-which = Which language? Write `language ru` or `language en`
language-done = All right, I will write to you in English from now on.
