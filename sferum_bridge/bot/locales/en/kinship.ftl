# Inviting and confirming a parent.

confirm-ask =
    Please check the child’s details:

    Name: **{ $child }**
    Class: { $class }
    School: { $school }

    By confirming you say that you are a parent or legal guardian, and agree that the school processes the child’s name and class and your name for talking in the school’s closed chats.

    Nothing changes until you answer.
confirm-how =
    - ✅ or `confirm` — yes, this is my child
    - ❌ or `not mine` — this is not my child
    - `correct` — yes, but a detail is wrong
    - `cancel` — decide later

confirmed =
    Done, thank you! You now see **{ $child }** in your profile, and the child’s profile shows you.

    The chats “{ $class } · parents” and “{ $class } · materials” will be there in a minute. To see the list: `children`

i-pending =
    Done: you see { $child } in your profile, and the child’s profile shows you. Access to the parents’ chat of { $class } opens once the class teacher has checked, usually within one or two working days. I will write when it does.
i-already = You have already confirmed { $child }. There is nothing to do.
confirmed-closed = Done: you see { $child } in your profile, and the child’s profile shows you. The chats of { $class } stay closed for now: the school decides about access to them. Please ask the school’s administrator.

e-self =
    You opened the invite with the pupil’s own account — a child cannot become their own parent. What you can do:

    1. open the link on another device, or in another app or browser, where you are signed in with **your own** account;
    2. open it in a private (incognito) window and sign in with your own account;
    3. ask the child to sign out on this device for a while.

    The invite is not used up and is valid until { DATETIME($until, dateStyle: "long", timeStyle: "short") } (school time).
e-pupil = This is a pupil’s account; a child cannot be confirmed with it. Sign in with an adult’s account or ask the school’s administrator. The invite is not used up.
e-full = The child cannot be confirmed with this link: the profile already has two parents. If the legal guardians have changed, ask the class teacher or the school’s administrator.
e-expired = The invite has expired. Ask the child to make a new one (the command `invite`) or ask the class teacher.
e-unknown = The invite was not found or is no longer valid. Check that the code is complete, or ask for a new one.
e-rate =
    Too many tries. Please try again in { $minutes } { $minutes ->
        [one] minute
       *[other] minutes
    }.
e-right =
    { $action ->
        [invite] You have no right to do this: an invite is made from the child’s profile. Who can: the pupil, by writing `invite` to me, the child’s class teacher or the school’s administrator. Ask them for the code.
        [revoke] You have no right to do this. Who can switch an invite off: the pupil, by writing `revoke` to me, the child’s class teacher or the school’s administrator.
        [slips] You have no right to do this. Who can print invites: the class’s teacher or the school’s administrator.
        [exception] You have no right to do this. Who can: the administrator of the child’s school.
       *[approve] You have no right to do this. Who can: the child’s class teacher or the school’s administrator, but not the parent in question.
    }

code-needed = To confirm a child, send me the code of the invite or the link. The child makes it by writing `invite` to me
cancelled = All right, nothing has changed. When you are ready, send the code again.
not-mine = Thank you for telling us. The invite has ended; the child and the class teacher have been told. If you were waiting for another one, ask for a new code.
not-mine-late = You have already confirmed { $child }. If that was a mistake, write to the class teacher or the school’s administrator, they will put it right.
not-mine-child = Your invite reached the wrong person, so I have ended it. No harm done: to make a new one, write `invite`
not-mine-teacher = An invite for a parent reached the wrong person and has ended. Pupil: { $child }. There is nothing to do, the pupil can make a new one.

news-child = Your profile has a new parent: **{ $parent }**. If you do not know this person, tap ❌ or write `not a parent`
news-child-pending = A parent is joining your profile: **{ $parent }**. The class teacher will check and open access. If you do not know this person, tap ❌ or write `not a parent`
news-other-parent = A parent is joining the profile of your child ({ $child }): **{ $parent }**. If you do not know this person, tap ❌ or write `not a parent`
news-other-parent-known = The profile of your child ({ $child }) has a new parent: **{ $parent }**. If this is a mistake, write to the class teacher.
news-teacher = A new parent in { $class }: **{ $parent }** (child: { $child }). There is nothing to do. If this is a mistake, tap ❌.
news-teacher-denied = A new parent in { $class }: **{ $parent }** (child: { $child }). The list says: **access denied** (the school holds the ground), so the class’s chats stay closed to them. If the list is wrong, tell the school’s administrator; if this is no parent, tap ❌.

approve-ask-denied = Please note: the school’s list says **access denied** (the school holds the ground). Even if you confirm the parent, the class’s chats stay closed.
approve-ask =
    A new parent is waiting to be checked:

    Parent: **{ $parent }**
    Account: { $account }
    Child: { $child }
    Class: { $class }

    The name is what the person calls themselves, so please make sure that this really is a parent. Until you answer they do not see the class’s chats.

    ✅ — open access, ❌ — reject. Or by command:

    ```
    { $approve }
    ```

    ```
    { $reject }
    ```
approve-done = Done: **{ $parent }** is a parent ({ $child }). The class’s chats will open by themselves.
approve-done-denied = Done: **{ $parent }** is a parent ({ $child }). The list says: **access denied** (the school holds the ground), so the class’s chats stay closed. If the list is wrong, the school’s administrator corrects it.
approve-gone = There is nothing left to decide here: the request was settled or withdrawn.
approve-more = There are more: decide these, then write `{ $word }` again.
approve-none = Nobody is waiting for you to check right now.
approved-parent = Access is open ({ $child }). The class’s chats will be there in a minute.
approved-parent-closed = You are confirmed as a parent ({ $child }). The class’s chats stay closed for now: the school decides about access to them. Please ask the school’s administrator.
approved-child = The class teacher has confirmed your parent: { $parent }.
reject-done =
    The record is gone: { $parent } no longer shows as a parent ({ $child }). The earlier invite has ended, the pupil can make a new one.

    If this was a mistake, tap ↩️ within { $hours } { $hours ->
        [one] hour
       *[other] hours
    }.
rejected-parent = The school did not confirm your request ({ $child }), and the record is gone. If this is a mistake, ask the class teacher or the school’s administrator.
rejected-child = The school did not confirm a parent ({ $parent }), and the record is gone. If a new invite is needed, write `invite`

e-used = This invite has been used already. If it was neither you nor the other parent, tell the class teacher at once. The child makes a new one by writing `invite` to me.
used-alert = Somebody else tried an invite that has been used ({ $child }). It did not work. If the other parent needs an invite, make a new one; if not, a stranger may have seen it: tell the class teacher.
child-gone = An invite for a parent did not work: { $child } is no longer a pupil of the school. The invite is switched off. If the pupil does study here, check the lists and make a new one.

i-pending-child =
    Done: you see { $child }, and the child sees you. The parents’ chat of { $class } opens when { $child } confirms it too: from fourteen on the pupil’s own consent is needed. I will write when it opens.
approve-child-ask =
    Somebody is being added to your profile as a parent: **{ $parent }**

    Is this your parent or legal guardian? By confirming you agree that they see your name, class and school and are in the parents’ chat of your class. You can take it back: `withdraw consent`

    ✅ — yes, ❌ — no. Or by a command:

    ```
    { $approve }
    ```

    ```
    { $reject }
    ```
approve-child-done = Thank you! You have confirmed your parent: **{ $parent }**.
