# The end of a parent link, taking it back, consents.

part-right = You have no right to do this: the school vouches for this parent, and one parent cannot remove the other. Who can: the school’s administrator, with a document (of a court, the guardianship office or the registry) and a second approval.

# “This is not a parent”.

disown-nobody = I cannot see whom you mean. Write the name as the profile shows it, for example: `not a parent Ivan Petrov`. To see the list: `parents`
disown-ask = **{ $parent }** is not a parent ({ $child })? Tap ✅ if that is so. If all is well, there is nothing to do.
disown-gone = There is nothing left to do here: the record is gone or has changed. To see the list: `parents`
disown-on-paper =
    The school vouches for this parent: **{ $parent }** ({ $child }). The record can only be removed with a document, and a second member of staff has to approve. Write:

    `{ $word } { $child } | { $parent } | court decision No. … of …`
disowned =
    Done: **{ $parent }** no longer shows as a parent ({ $child }). All invites of the child have ended. The pupil makes a new one: `invite`

    If this was a mistake, tap ↩️ within { $hours } { $hours ->
        [one] hour
       *[other] hours
    }.
disowned-parent = The record of you as a parent was removed ({ $child }), and the class’s chats are closed to you. If this is a mistake, ask the class teacher or the school’s administrator.
disowned-child = Somebody who is not confirmed as a parent was removed from your profile: { $parent }. All your invites have ended. To make a new one, tap ✉️ or write `invite`
disowned-others = **{ $parent }** no longer shows as a parent in the child’s profile ({ $child }). Earlier invites of the child have ended. If this is a mistake, ask the class teacher.
disowned-teacher = A parent was removed from a pupil’s profile ({ $child }): { $parent }. The class’s chats are closed to this person, and the child’s invites have ended. There is nothing to do. If this is a mistake, tap ↩️.
disowned-by-adult = A pupil who is of age has ended the link to a parent. Pupil: { $child }, parent: { $parent }. The class’s chats are closed to this parent. There is nothing to do.
doubt = The school vouches for this parent (**{ $parent }**), so the record stays for now ({ $child }). Who can change that: the school’s administrator, with a document. The school knows of your doubt and will look into it.
doubt-news = Somebody doubts that this is a parent. Parent: **{ $parent }**, child: { $child }, said by: { $by }. The record stays. Please check: if the doubt is right, the school’s administrator removes the record with a document, by the command `unlink parent`

# “Leave”.

leave-ask =
    Do you want to be a parent here no longer: **{ $child }**? The class’s chats will close, and the child and the class teacher will be told. What you are through other children or by your work stays.

    ✅ or `confirm` — yes, leave. ❌ or `cancel` — stay.
leave-stayed = All right, nothing has changed: you are still a parent.
leave-gone = You no longer show as a parent of this child. To see the list: `children`
leave-nobody = None of your children has that name. To see the list: `children`
leave-role = You are not a parent here, so there is nothing to leave. The school ends the role of a pupil or a member of staff. Who can: the administrator ({ $school }).
leave-nothing = You have no role in a school right now, so there is nothing to leave.
left =
    Done: you no longer show as a parent ({ $child }), and the class’s chats are closing. To come back, tap ↩️ or write `restore` within { $hours } { $hours ->
        [one] hour
       *[other] hours
    }. Later you will need a new code from the child.
left-child = A parent has left your profile of their own accord: { $parent }. To invite a parent, write `invite`
left-teacher = A parent has ended the link to a pupil’s profile of their own accord. Parent: { $parent }, pupil: { $child }. There is nothing to do.

# Removal with a document.

remove-how =
    Write whose parent it is, who it is, and on what ground, with bars between them:

    `{ $word } 5А Petrova Anna | Petrov Ivan | court decision No. 2-145/2026 of 01.09.2026`

    The kind of document, its number and its date are needed. A second person approves: another administrator or the class teacher.
remove-no-parent = The pupil’s profile has no such parent ({ $child }). Check the name: write `find` or ask the class teacher.
remove-family = You have no right to do this: you are of this child’s family. Who can: another administrator of the school. If you want to leave yourself, write `leave`
remove-waiting = Such a request is waiting for its second approval already: { $parent } ({ $child }). There is nothing to do.
remove-alone = There is nobody to approve this right now, so nothing has changed. It takes a second person who is not of the child’s family: another administrator or the class teacher, with an account. Appoint an administrator (`appoint`) or a class teacher first.
remove-asked = The request was handed on for the second approval: **{ $parent }** ({ $child }). Document: { $paper }. Nothing has changed yet; I will write when there is an answer. If the document has a typing mistake, write the command again with what is right.
remove-over = The request to remove a parent with a document is needed no more: { $parent } no longer shows as a parent ({ $child }). There is nothing to do.
remove-question =
    A request to remove a parent with a document:

    Parent: **{ $parent }**
    Child: { $child }
    Class: { $class }
    Document: { $kind } No. { $number } of { $date }
    Asked by: { $by }

    Approve only if you have seen the document itself. The class’s chats will then close to the parent.

    ✅ — approve, ❌ — reject. Or by a command (a reason may follow a rejection):

    ```
    { $approve }
    ```

    ```
    { $reject }
    ```
remove-rejected = The request to remove a parent was rejected: { $parent } ({ $child }). Nothing has changed.
remove-rejected-because = The request to remove a parent was rejected: { $parent } ({ $child }). The reason: { $reason }. Nothing has changed.
remove-reject-done = All right, the request is rejected: { $parent } is still a parent ({ $child }).
removed =
    Done: **{ $parent }** is no longer a parent ({ $child }), and the class’s chats are closing. If this was a mistake, tap ↩️ within { $hours } { $hours ->
        [one] hour
       *[other] hours
    }.
removed-parent = The school has ended your link to the child’s profile ({ $child }), and the class’s chats are closed to you. With questions about this, ask the school’s administrator.
removed-child = The school has changed the list of your parents: { $parent } no longer shows in your profile. If you have questions, ask your class teacher.
removed-others = The school has changed the list of parents: { $parent } no longer shows in the child’s profile ({ $child }). There is nothing to do.

paper-kind = What document is it? Write its kind, for example: `{ $word } … | … | court decision No. 2-145/2026 of 01.09.2026`
paper-number = I cannot see the document’s number. Write it behind No., for example: `{ $word } … | … | court decision No. 2-145/2026 of 01.09.2026`
paper-date = I cannot see the document’s date. Write it at the end, day, month and year: `{ $word } … | … | court decision No. 2-145/2026 of 01.09.2026`
paper-day = There is no such day in the calendar. Check the document’s date, for example: `{ $word } … | … | court decision No. 2-145/2026 of 01.09.2026`
paper-future = The document’s date is still to come. Check it, for example: `{ $word } … | … | court decision No. 2-145/2026 of 01.09.2026`

# “Restore”.

restored = Done, the record is back as it was. Parent: **{ $parent }**, child: { $child }.
restored-parent = The record of you as a parent is back as it was ({ $child }). To see the list: `children`
restored-child = A parent is back in your profile: { $parent }. To see the list: `parents`
restored-others = The record of a parent is back as it was. Parent: { $parent }, child: { $child }.
restore-nothing = There is nothing to restore. A parent is restored by whoever ended the link, and only shortly afterwards. Later it takes a new code from the child.
restore-late =
    It is too late to restore this: that was possible within { $hours } { $hours ->
        [one] hour
       *[other] hours
    }. It takes a new code from the child, who writes `invite` to me
restore-consent = This cannot be restored: the consent on which the link rested was withdrawn. It takes a new code from the child, with which I will ask for consent again.
restore-full = This cannot be restored: the child’s profile already has two parents. If the legal guardians have changed, ask the class teacher or the school’s administrator.
restore-already = There is no need to: this parent shows in the profile again already.

# Consents.

consents = Consents that you gave or that are about you:
consents-how = To take yours back: `{ $word }`
consents-none = There are no consents here that you gave or that are about you.
consent-own = You: that parents see your name, class and school and are in the parents’ chat. Text { $version }, { DATETIME($given, dateStyle: "long", timeStyle: "short") }
consent-own-withdrawn = You: that parents see your name, class and school and are in the parents’ chat. Text { $version }, { DATETIME($given, dateStyle: "long", timeStyle: "short") }. Withdrawn { DATETIME($withdrawn, dateStyle: "long", timeStyle: "short") }
consent-about-child = You as a parent: that the school processes the child’s name and class and your name. Child: { $name }. Text { $version }, { DATETIME($given, dateStyle: "long", timeStyle: "short") }
consent-about-child-withdrawn = You as a parent: that the school processes the child’s name and class and your name. Child: { $name }. Text { $version }, { DATETIME($given, dateStyle: "long", timeStyle: "short") }. Withdrawn { DATETIME($withdrawn, dateStyle: "long", timeStyle: "short") }
consent-of-parent = A parent about you: that the school processes your name and class. Parent: { $name }. Text { $version }, { DATETIME($given, dateStyle: "long", timeStyle: "short") }
consent-of-parent-withdrawn = A parent about you: that the school processes your name and class. Parent: { $name }. Text { $version }, { DATETIME($given, dateStyle: "long", timeStyle: "short") }. Withdrawn { DATETIME($withdrawn, dateStyle: "long", timeStyle: "short") }

withdraw-none = There is nothing to withdraw: no consent of yours holds here. Only who gave a consent can take it back. To see the list: `consents`
withdraw-nobody = You gave no consent about somebody with that name. To see the list: `consents`
withdraw-ask-parent =
    Withdraw your consent: **{ $child }**? Without it you cannot be a parent here: the link ends, the class’s chats close, and the child and the class teacher will be told. You can come back with a new code from the child.

    ✅ or `confirm` — withdraw. ❌ or `cancel` — keep it.
withdraw-ask-pupil =
    Withdraw your consent? It is one for all your parents ({ $parents }). The class’s chats close to them until you agree again. Your parents and the class teacher will be told.

    ✅ or `confirm` — withdraw. ❌ or `cancel` — keep it.
withdraw-kept = All right, nothing has changed: the consent holds.
withdrawn = Done: the consent is withdrawn. There is no link left that rested on it.
withdrawn-parent = Done: the consent is withdrawn, you no longer show as a parent, and the class’s chats are closing. To have the data destroyed too, write `erase` (your own) or `erase` and the name (the child’s)
withdrawn-pupil = Done: the consent is withdrawn. The class’s chats are closing to your parents, the records stay. If you change your mind, write `{ $word }` — I will ask about each parent again.
withdrawn-news-parent = The pupil’s consent was withdrawn ({ $child }). The class’s chats are closed to you until { $child } agrees again. You still show in the profile. Talk about it at home or ask the class teacher.
withdrawn-news-teacher = A pupil’s consent was withdrawn ({ $child }): the class’s chats are closed to this pupil’s parents until { $child } agrees again. There is nothing to do.

birthday = Happy birthday! You have turned eighteen, and from now on you decide yourself whether parents stay in your profile. If you are happy with it, there is nothing to do. If not, write `{ $word }` — I will end the link, and it can be taken back. To see the list: `parents`
