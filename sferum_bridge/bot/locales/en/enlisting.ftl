# How pupils of the first grades come in: invited by name, by e-mail or on a slip of paper.

enlist-how =
    Write the class and the pupil’s name, as in the school’s lists, and the child’s e-mail address if there is one:

    ```
    invite pupil 1А Sidorov Gleb gleb@example.org
    ```

    Without an address I give you a code and a slip to print. The class alone (`invite pupil 1А`) makes slips for everybody who has no account yet.
enlist-right = You have no right to do this. Who can: the class teacher of that class or the school’s administrator.
enlist-has-account = The pupil has an account already: { $child }. No invite is needed. If the login or the password is lost, ask the school’s administrator.
enlist-bad-address = This does not look like one e-mail address. Check it and write again, or send the same command without an address: I will give you a code and a slip to print.
enlist-contact = This address is used by another account already. Do not register a child with a parent’s contact: the parents will need it themselves. Give the child’s own address, or send the same command without an address: I will give you a code and a slip to print.
enlist-no-mail = Mail is not set up here, so no letter goes out. I have kept the address.
enlist-code =
    The pupil’s invite is ready: **{ $child }**. The code:

    ```
    { $code }
    ```

    or the link: { $link }

    It is valid until { DATETIME($until, dateStyle: "long", timeStyle: "short") } (school time), once and for this pupil alone. Any earlier invite has ended. The slip to print is in the next message: hand it to the family yourself.
enlist-mailed =
    The pupil’s invite is ready: **{ $child }**. A letter goes { $typed ->
        [1] to the address you gave
       *[other] to the address from the school’s lists
    }; if it is not accepted, I will write to you. Not there within a day? Check the address and the spam folder.

    The invite is valid until { DATETIME($until, dateStyle: "long", timeStyle: "short") } (school time), once and for this pupil alone. Any earlier one has ended.

    🖨️ — the same invite on a slip, to print.

enlist-slips = Invites for pupils, { $class }
enlist-slip-what = The way into the school’s chat, for this pupil alone
enlist-slip-steps =
    Point a phone’s camera at the picture, or open the link.
    Choose a password. No phone number and no e-mail is needed.
    Write down the login that the page shows, and sign in with it in any Matrix app.
enlist-slip-steps-account =
    Sign in to any Matrix app with the child’s account that the school gave you.
    Send the code to the school’s assistant ({ $bot }) and answer: yes.
enlist-slip-login = Login:
enlist-slip-until = Valid until { DATETIME($until, dateStyle: "long", timeStyle: "short") } (school time), once. Do not pass it on.
enlist-slip-gone = This invite is no longer valid: it has been used, replaced, or its time is over. If a new one is needed: `invite pupil`

enlist-class-ask =
    { $class }, { $school }. Without an account: { $count ->
        [one] { $count } pupil
       *[other] { $count } pupils
    }. Make invites on slips for them?

    Earlier invites of these pupils, those sent by mail too, will end.

    ✅ or `yes` — make them, ❌ or `cancel` — leave everything as it is.
enlist-class-none = { $class }: every pupil has an account already.
enlist-class-cancelled = All right, everything is as it was.
enlist-class-done =
    { $class }: { $count ->
        [one] { $count } invite is ready
       *[other] { $count } invites are ready
    }. The slips are in the next message. Cut them apart and hand them to the families yourself: whoever holds a slip can come in with it.

mail-subject = An invite to the school’s chat: { $child }
mail-body =
    Hello!

    The school invites to its chat. Pupil: { $child }.

    { $creates ->
        [1] Open the link and choose a password (no phone is needed). The page shows a login — write it down:
       *[other] The page tells how to come in:
    }

    { $link }

    If you are signed in to Matrix with the child’s account already, just send the code to the school’s assistant ({ $bot }):

    ```
    { $code }
    ```

    The invite is valid until { DATETIME($until, dateStyle: "long", timeStyle: "short") } (school time), once and for this child alone. Please do not forward it.

    Questions: ask the class teacher, or here: { $contact }. If this letter is not for you, just delete it.
e-mail =
    The letter for the pupil ({ $child }) was not delivered: { $cause ->
        [address] there is no such address
        [full] the mailbox is full
        [refused] the mail server did not accept it
       *[time] the mail server did not accept it for too long
    }. Correct the address: write `invite pupil`, the class, the name and the right address. Or hand out the invite on paper: 🖨️ — a slip to print.

enlist-ask =
    This is an invite for a pupil:

    Name: **{ $child }**
    Class: { $class }
    School: { $school }

    Is this you? This account will be the account of this pupil.

    - ✅ or `confirm` — yes, this is me
    - ❌ or `cancel` — no, or decide later

    Nothing changes until you answer. If you are a parent, have the child send the code with their own account.
enlist-known = This is an invite for a pupil, and you are signed in with your own account, which the school knows already. Open the link of the invite without signing in, or send the code with the child’s account. The invite is not used up.
enlist-done =
    Done, and hello! This is now the account of the pupil **{ $child }**.

    The chats of the class { $class } will be there in a minute. To call your parents, write `invite`. What else there is: `help`
enlisted-teacher =
    A pupil has registered: **{ $child }**, { $class }

    Account: { $account }

    If this is not your pupil, tell the school’s administrator at once: they will switch the account off.
