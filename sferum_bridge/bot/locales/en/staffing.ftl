# Staff, class teachers, transfers of pupils.

staffing-right = You have no right to do this. Who can: the school’s administrator.
staffing-how-appoint =
    Write whom to appoint as what and, if need be, from which day until which:

    ```
    appoint Петрова Анна teacher from 01.09.2026 until 31.05.2027
    ```

    ```
    appoint Петрова Анна class teacher 7Б
    ```

    Posts: teacher, administrator, staff. Without a date it begins today.
staffing-how-dismiss =
    Write who no longer works at the school, and the last working day:

    ```
    dismiss Петрова Анна until 31.12.2026
    ```

    If only one role ends, write it too:

    ```
    dismiss Петрова Анна administrator until 31.12.2026
    ```

    ```
    dismiss Петрова Анна class teacher 7Б
    ```

    Without a date the last day is today.
staffing-how-hand-over =
    Write the class, the new class teacher and, if need be, from whom and from which day:

    ```
    hand over 7Б Петрова Анна from Сидорова Вера since 11.01.2027
    ```

    Without a date it is from today.
staffing-how-transfer =
    Write whom to move where and, if need be, from which day:

    ```
    transfer 5А Петров Лев to 5Б from 11.01.2027
    ```

    ```
    transfer 5А Петров Лев out of school from 15.01.2027
    ```

    Without a date it is from today.
staffing-which-school = You administer several schools. In which one? Tap a number or write it:
staffing-school = { $number } { $school }
staffing-date = I do not understand the date, so nothing has changed. The first day is written `from 01.09.2026`, the last `until 31.12.2026`
staffing-no-class = The school has no such class at present. Check the name; new classes come from the school’s lists.
staffing-account = This is not the account of a person. One is written like this: `@anna:school.example`
staffing-name =
    { $account } — this account is nobody’s at the school yet. Write whose it is: family name, given name and patronymic.

    ```
    appoint { $account } Петрова Анна Сергеевна teacher
    ```

    Make sure that the account really is this person’s. They may also write `apply` to me themselves.
staffing-from-whom = The class has several class teachers: { $names }. Write who hands it over: `hand over 7Б Петрова Анна from Сидорова Вера`

staffing-as-administrators = administrator
staffing-as-staff = works at the school
staffing-as-leaders = class teacher of { $class }
staffing-as-teachers = teaches { $class }
staffing-as-pupils = pupil of { $class }
staffing-as-parents = parent, { $class }

staffing-ask = Please check. This is what changes: { $school }
staffing-anew = Something has changed while you were deciding, so please look again.
staffing-begins = **{ $name }**: { $what } — from { DATETIME($since, dateStyle: "long") } until { DATETIME($until, dateStyle: "long") }
staffing-begins-open = **{ $name }**: { $what } — from { DATETIME($since, dateStyle: "long") }
staffing-ends = **{ $name }**: { $what } — last day { DATETIME($until, dateStyle: "long") }
staffing-drops = **{ $name }**: { $what } — will not begin on { DATETIME($since, dateStyle: "long") }
staffing-tie-administrator = administrator of the school
staffing-tie-teacher = teacher
staffing-tie-staff = staff
staffing-tie-leadership = class teacher of { $class }
staffing-tie-teaching =
    { $has_subject ->
        [0] teaches { $class }
       *[other] teaches { $class }, { $subject }
    }
staffing-tie-enrolment = pupil of { $class }
staffing-notice-unled = Please note: { $class } has no class teacher from { DATETIME($day, dateStyle: "long") } on. Until there is one, the school’s administrators look after the class’s chats. To appoint one: `hand over` or `appoint`
staffing-notice-led = { $class } has a class teacher already: { $names }. There will be one more. If the class goes to somebody else, write `hand over`
staffing-notice-no-post = Please note: on that day the class teacher has no post at the school, and so does not see the staff room. A post is given separately: `appoint`
staffing-notice-pupil = Please note: on that day this is a pupil of the school.
staffing-notice-past = Please note: { DATETIME($day, dateStyle: "long") } is over already.
staffing-notice-far = Please note: { DATETIME($day, dateStyle: "long") } is more than a year ahead. Is the date right?
staffing-how = ✅ or `yes` — do it, ❌ or `cancel` — leave everything as it is.
staffing-gone = This question has been settled, or replaced by a newer one. If it is still needed, write the command again.
staffing-cancelled = All right, everything is as it was.
staffing-done = Done. The chats change by themselves on the day, and I write to everybody it concerns. If the school keeps its lists in a file, put the change there too: otherwise the next import takes it back.

staffing-refused-already = Nothing has changed: it is so already ({ $names }).
staffing-refused-nothing = Nothing has changed: behind that day there is nothing left anyway ({ $names }). Check the name and the date.
staffing-refused-last-administrator = Nothing has changed: a school must not have a day without an administrator, and after this there would be one ({ $names }). First appoint another administrator without a last day: `appoint`
staffing-refused-not-leading = Nothing has changed: on that day somebody else leads the class ({ $names }). Check who hands it over, and from which day.
staffing-refused-backwards = Nothing has changed: the last day lies before the first. Check the dates.

# Whom it concerns.

staffing-news = The school’s administrator changed roles. To see yours: `who am i`. School: { $school }
moved-teacher = A pupil changes class: **{ $child }**, { $from } → { $to }, from { DATETIME($since, dateStyle: "long") }. The chats of the pupil and the parents change by themselves, nothing has to be done.
moved-family = A move to another class: **{ $child }**, { $from } → { $to }, from { DATETIME($since, dateStyle: "long") }. The new class’s chats appear by themselves. Nothing new arrives in the old ones. If this is a mistake, tell the class teacher.
moved-in-teacher = A pupil joins { $to }: **{ $child }**, from { DATETIME($since, dateStyle: "long") }. The chats of the pupil and the parents appear by themselves, nothing has to be done.
moved-in-family = **{ $child }** — in { $to } from { DATETIME($since, dateStyle: "long") }: { $school }. The class’s chats appear by themselves. If this is a mistake, tell the school.
moved-out-teacher = No longer in { $from }: **{ $child }**, from { DATETIME($since, dateStyle: "long") }. The chats of the pupil and the parents close by themselves, nothing has to be done.
moved-out-family = **{ $child }** — no longer a pupil of the school from { DATETIME($since, dateStyle: "long") }: { $school }, { $from }. The school’s chats close by themselves. The tie to the parents stays and need not be confirmed again at a new school. If this is a mistake, tell the school.
