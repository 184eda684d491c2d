# Corrections of a child's data.

correct-field-family-name = family name
correct-field-given-name = given name
correct-field-middle-name = patronymic
correct-field-birth-date = date of birth
correct-field-email = the child’s e-mail
correct-field-phone = the child’s phone
correct-field-class = class
correct-field-school = school

correct-how =
    You can correct the child’s family name, given name, patronymic, date of birth, e-mail and phone. Write what to correct and what is right, parted by commas or line breaks. For example:

    ```
    correct family name: Ёлкина, patronymic: Ивановна, date of birth: 12.03.2014
    ```

    Spelling (ё, capital letters) and a missing patronymic are corrected at once, the class teacher checks the rest. Class and school are changed by the school alone.
correct-unknown = It is not clear what to correct.
correct-unknown-part = “{ $said }” — it is not clear what to correct here: a word has to stand before the value, as in `patronymic Ивановна`
correct-right =
    You have no right to do this. Who can: a parent who has confirmed the child. If you are a pupil, tell your parents or your class teacher. Staff correct data in the school’s lists.
correct-cancelled = Fine, I correct nothing.

correct-note-head = Nothing has changed yet. Once you confirm that this is your child:
correct-note-apply = { $what }: { $old } → **{ $new }** — I correct it at once; if the school has to check you first, the class teacher decides
correct-note-ask = { $what }: { $old } → **{ $new }** — I hand it to the class teacher, until then it stays as it was
correct-note-nothing = { $what }: **{ $new }** — it says so already
correct-note-check = { $what }: **{ $new }** — I compare it; if something else is written there, I hand it to the class teacher, until then that stays
correct-note-patronymic = { $what }: **{ $new }** — if there is none, I add it; if something else is written there, I hand it to the class teacher

correct-done-head = Corrections:
correct-done-apply = { $what }: { $old } → **{ $new }** — corrected
correct-done-ask = { $what }: { $old } → **{ $new }** — waits for the class teacher, until then it stays as it was. I will write when there is an answer
correct-done-nothing = { $what }: **{ $new }** — it says so already
correct-done-check = { $what }: **{ $new }** — taken; if something else is written there, the class teacher decides, and I will write the answer
correct-taken = { $what }: **{ $new }** — this contact belongs to another account already, so it was not stored. Do not give a parent’s contact for the child: you will need it yourself

correct-refuse-class = class: it is changed by the school, not by parents. If it is wrong, write to the class teacher
correct-refuse-school = school: it is changed by the school, not by parents. If it is wrong, turn to the school’s administrator
correct-bad-name = { $what }: it could not be read. It takes letters of one alphabet, no digits, and at most 60 characters
correct-bad-date = { $what }: it could not be read. It takes a real date like `12.03.2014`; pupils are 5 to 25 years old
correct-bad-email = { $what }: it could not be read. It takes an address like `asya@example.org`
correct-bad-phone = { $what }: it could not be read. It takes a number like `+7 900 000-00-00`
correct-bad-empty = { $what }: a value has to follow the word

correct-news-child = A parent asked to correct your data, and they were corrected:
correct-news-parent = The data of your child ({ $child }) were corrected:
correct-news-line = { $what }: { $old } → **{ $new }**

# What the one who decides sees.

correction-ask =
    A parent asks to correct a pupil’s data:

    Pupil: **{ $child }**
    Class: { $class }
    Parent: { $parent }
    What: { $what }
    Now: { $old }
    Wanted: **{ $new }**

    Please check it with the documents. Until you answer everything stays as it is.

    ✅ — correct it, ❌ — reject it. Or by command; a reason may follow a rejection:

    ```
    { $approve }
    ```

    ```
    { $reject }
    ```
correction-done = Corrected: { $what }: { $old } → **{ $new }**. The parents and the pupil will see it.
correction-moved = While the request waited, the data changed: { $what } was { $old }, now it is **{ $new }**. So nothing was corrected. Please reject this request: if it is still needed, the parent will send a new one.
correction-taken = This contact belongs to another account already, so it was not stored. Please reject the request: the child needs a contact of their own.
correction-reject-done = The request was rejected, the data stay as they were. The parent was told.
correction-approved = The school corrected your child’s data as you asked: { $what } — **{ $new }**.
correction-rejected = The school did not accept the correction: { $what } — **{ $new }**. The data stay as they were. If this is a mistake, turn to the class teacher.
correction-reason = Reason: { $reason }
