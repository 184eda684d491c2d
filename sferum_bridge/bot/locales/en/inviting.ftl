# Invites for parents: made, taken back, printed; the exception for an adult who studies.

invite-code =
    Done! Here is an invite for a parent. The code:

    ```
    { $code }
    ```

    or the link: { $link }

    Pass it on as you like: in a message, on paper, by voice, or show the picture of the next message to another phone’s camera. The parent opens the link or sends the code to me, { $bot }, signed in with **their own** account.

    The invite is valid until { DATETIME($until, dateStyle: "long", timeStyle: "short") } (school time) and works for { $count ->
        [1] one parent
       *[other] both parents
    }. Any earlier invite has ended. Please do not post the code in group chats. To switch it off: `revoke`
invite-code-school =
    The invite for a parent is ready. Pupil: **{ $child }**. The code:

    ```
    { $code }
    ```

    or the link: { $link }

    Give it to the parent in person, or show the picture of the next message to their phone’s camera. The parent opens the link or sends the code to me, { $bot }, signed in with **their own** account.

    The invite is valid until { DATETIME($until, dateStyle: "long", timeStyle: "short") } (school time) and works for { $count ->
        [1] one parent
       *[other] both parents
    }. Any earlier invite of this pupil has ended. If the pupil has an account, I will tell them.
invite-picture = Invite.png
invite-told = The school ({ $issuer }) has made an invite for your parent. Your earlier invite, if there was one, has ended. If you still need it, make a new one: `invite`
invite-words = To make an invite for a parent, write one word: `invite`. Nothing has changed so far. Who is linked already: `my parents`. To switch an invite off: `revoke`
invite-how =
    Who is the invite for? Write the pupil’s class and name as in the school’s lists, for example:

    ```
    invite 5А Петрова Анна
    ```

    Slips for a whole class: `slips 5А`. If you are a parent, the child makes the code by writing `invite` to me
invite-not-yours = Nobody in your class fits. Please check the name as in the school’s lists. For a pupil of another class, that class’s teacher or the school’s administrator can do this.
invite-own-child = The school gives nobody of its staff an invite to their own child. The child makes it by writing `invite` to me. If the child has no phone, ask another administrator of the school or another class teacher.
e-full-invite = No new invite is needed: the profile already has two parents. If something has changed, ask the class teacher. To see the list: `parents`
e-full-school = No invite is needed: the pupil’s profile ({ $child }) already has two parents. If the legal guardians have changed, the school’s administrator can unlink one of them on paper: `unlink parent`

revoke-done = Done: your invite has ended. Whoever is linked already stays: `my parents`. A new invite: `invite`
revoke-none = You have no invite to switch off. To make a new one: `invite`
revoke-words = To switch your invite off, write one word: `revoke`. Nothing has changed so far. If a stranger is being linked: `not a parent`
revoke-how =
    Whose invite is to end? Write the pupil’s class and name as in the school’s lists, for example:

    ```
    revoke 5А Петрова Анна
    ```
revoke-done-school = Done: the invite for a parent has ended. Pupil: **{ $child }**. If the pupil has an account, I will tell them. Whoever is linked already stays.
revoke-none-school = There is nothing to switch off: the pupil ({ $child }) has no invite for a parent.
revoke-told = The school ({ $issuer }) has switched off the invite for your parent. If you still need it, make a new one: `invite`

slips-how =
    Who are the slips for? Write a class or a pupil, for example:

    ```
    slips 5А
    ```

    ```
    slip 5А Петрова Анна
    ```
slips-ask =
    Slips for parents: { $class }, { $school }.

    { $count ->
        [0] None of these pupils has an open invite now.
        [one] { $count } pupil has an open invite. If you print slips it ends, and so does a slip that was handed out.
       *[other] { $count } pupils have open invites. If you print slips they end, and so do slips that were handed out.
    }

    ✅ — print. Or by command:

    ```
    { $command }
    ```

    Nothing changes until you answer.
slips-done =
    { $class }: { $count ->
        [one] { $count } invite is ready
       *[other] { $count } invites are ready
    }. The slips are in the next message: open the file, print it, cut it and give each family its own in person. Earlier invites of these pupils have ended.
slips-none = { $class }: there are no new invites, and nothing has changed.
slips-full =
    Without a slip: { $count ->
        [one] { $count } pupil, who has
       *[other] { $count } pupils, who have
    } two parents already.
slips-own-child = There is no slip for your own child. The child makes the invite by writing `invite` to me. If the child has no phone, ask another administrator of the school or another class teacher.
slip-done = Done: **{ $child }**. The slip is in the next message: open the file, print it and give it to the family in person. Any earlier invite of this pupil has ended.

slips-title = Invites for parents, { $class }
slip-whose = { $child }, { $class }
slip-what = An invite for a parent to the school’s chats
slip-steps =
    Point your phone’s camera at the picture, or open the link.
    Sign in with your own account, not with the child’s.
    Confirm the child: on the page, or by sending the code to the school’s assistant ({ $bot }).
slip-until =
    Valid until { DATETIME($until, dateStyle: "long", timeStyle: "short") } (school time), works for { $count ->
        [1] one parent
       *[other] both parents
    }. Do not pass it on to strangers.

exception-how =
    An exception lets an adult who studies become a parent. Write the pupil, the adult (account or name) and the reason, with bars between them:

    ```
    exception 5А Петрова Анна | @petrova:school.example | studies at a college, guardian on paper
    ```
exception-nobody = Nobody the school knows fits. Check the name or give the adult’s whole account, for example `@petrova:school.example`
exception-unknown = No exception was made for the account { $account }: it does not show an adult who already studies. Please check it. If this person has not sent me anything yet, no exception is needed: let them send the code of the invite.
exception-self = This is the pupil’s own account, and nobody can become their own parent. Give the account or the name of an adult.
exception-own = You cannot make an exception for yourself. Another administrator of the school can.
exception-minor = According to the school this person is not yet eighteen ({ $adult }), so no exception is possible. If the date of birth is wrong, correct it in the lists first.
exception-done =
    The exception is made. Pupil: **{ $child }**. May become a parent: **{ $adult }**. Reason: { $reason }

    The rest is as for everybody: the code of an invite, and a confirmation.
exception-told = The school’s administrator has made an exception. Pupil: **{ $child }**. May become a parent although they study: **{ $adult }**. Reason: { $reason }. There is nothing to do. If this is a mistake, tell the school’s administrator.
