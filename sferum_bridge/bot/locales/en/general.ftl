# Who is who, help, and what the bot says when it cannot help.

e-out = This is a school’s assistant. To get in you need an invite from the school or from a child. If you have the code of an invite, send it here. Help: { $contact }

hello = Hello, { $name }! I am the school’s assistant.

help-pupil =
    You are a pupil. You can write:

    - `invite` — get a code for a parent
    - `parents` — who is connected to your profile
help-parent =
    You are a parent. You can write:

    - `children` — your children, their classes and schools
    - to add another child, send the code of their invite, such as `confirm XXXX-XXXX-…`
help-class-teacher =
    You are a class teacher. You can write:

    - `approve` — which parents wait to be checked
help-administrator =
    You are an administrator of the school. You can write:

    - `approve` — which parents wait to be checked
help-staff = You work at the school. If you are a parent too, send the code of your child’s invite: you need no second account.
help-newcomer = If you are a parent, send the code of the invite or the link your child gave you. The child makes it by writing `invite` to me
help-everybody =
    For everybody:

    - `whoami` — your roles and your account
    - `why` — why you are in the school’s chats
    - `language ru` — перейти на русский
    - `help` — this text

    Here commands are plain words, in group chats they begin with an exclamation mark: `!why`. If something does not work: { $contact }

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
