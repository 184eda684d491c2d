# The new school year: show it, open it, take it back.

year-how =
    What becomes of the classes by itself: the number grows by one, grades 9 and 11 graduate, chats stay with their class. To look (nothing changes): `year`

    If something is to be otherwise, add it, with semicolons between:

    ```
    year 5А+5Б=6А; 9А=10А; =1А 1Б; 5А Petrov Lev=repeats; 6А: Sidorova Vera; from 01.09.2026
    ```

    - `5А+5Б=6А` — the classes are merged, the first one's chats stay
    - `11А=graduates` — the class graduates
    - `=1А 1Б` — new classes
    - `5А Petrov Lev=repeats`, `5А Petrov Lev=6Б` or `5А Petrov Lev=leaves` — a pupil does not go with the class; a class there is not will be made
    - `6А: Sidorova Vera` — the class teacher from that day on
    - `from 01.09.2026` — the year opens by itself on that day

    To take all of it back: `year undo`
year-day = { DATETIME($day, dateStyle: "long") } will not do: a year is opened today or on a day within the next year. Nothing has changed.
year-unreadable = I do not understand this part, so nothing has changed: { $part }
year-twice = This is said twice, and differently, so nothing has changed: { $part }. Leave one of them. A second class teacher can be added later: `appoint`
year-nobody = I find nobody, so nothing has changed: { $person }. Check family and given name, as they are in the school’s lists.
year-several = Several people fit ({ $person }), so nothing has changed: { $names }. Write the class before the name, or the code behind the dash instead of it.

year-cannot = The school year { $year } cannot be opened yet, and nothing has changed:
year-problem-nothing = There is nothing to open: no class is of last year. The year { $name } is open already, or the school has no lists yet.
year-problem-unsaid = { $name } is a class of { $others }, and only you can say what becomes of it. For instance: `{ $name }=graduates`
year-problem-not-ending = { $name } ({ $others }) does not go into the new year: it is a class of that year already, or closed. Take this part out, or name a class that is there now.
year-problem-two-to-one = { $name } would be made of several classes: { $others }. If they are merged, say so: `{ $example }` — the first one’s chats stay. If not, give another name.
year-problem-taken = There is a { $name } in the new year already. If it came with the list of the new year, undo that import first, open the year, and import the list again.
year-problem-no-pupil = { $person } is in no class that goes into the new year. Check whom you mean.
year-problem-no-class = { $person } repeats a grade that will have no class (it was { $name }). Say which class: name, equals sign, class. A class there is not will be made.
year-problem-which-class = { $person } repeats a grade; there will be no { $name }, but: { $others }. Say which: name, equals sign, class.
year-problem-not-staff = { $person } does not work here on that day, so { $name } has no class teacher. To appoint somebody else: `appoint`
year-problem-no-such-class = There will be no { $name } in the new year, nor a class teacher of it. Write the name it will have: `6А: Sidorova Vera`

year-file = School year
year-shown = This is what changes on { DATETIME($day, dateStyle: "long") }: school year { $year }, { $school }. All of it, by people and chats, is in the file above.
year-left-out = Of what was chosen, this cannot be:
year-classes = Classes:
year-singled-out = Not going with their class:
year-with-class = Going with their class:
year-leaders = Class teachers:
year-rooms = Chats:
year-step-promoted = { $class } → **{ $becomes }**, chats stay; pupils: { $pupils }
year-step-same = { $class } stays { $becomes }; pupils: { $pupils }
year-step-merged = { $class } → **{ $becomes }**, merged; the chats of { $class } can only be read
year-step-graduated = { $class } **graduates**; its chats can only be read
year-step-new = **{ $becomes }**, a new class; pupils: { $pupils }
year-pupil-moves = { $person }: { $left } → { $entered }
year-pupil-leaves = { $person }: { $left } → out of the school
year-pupil-comes = { $person }: into { $entered }
year-leader-leaves = { $person } no longer leads { $left }
year-leader-comes = { $person } leads { $entered }
year-unled = Without a class teacher: { $names }. Add `6А: Sidorova Vera` here, or appoint one later: `appoint`
year-room-closes = “{ $before }” → “{ $now }”, to be read only. Coming: { $joins }. Going: { $leaves }
year-room-new = “{ $now }”, new. Coming: { $joins }
year-room-renamed = “{ $before }” → “{ $now }”. Coming: { $joins }. Going: { $leaves }
year-room-stays = “{ $now }”. Coming: { $joins }. Going: { $leaves }
year-more = And { $more } more, in the file.
year-counts = Pupils whose class changes: { $moves }. Chats that change: { $rooms }; coming: { $joins }, going: { $leaves }.
year-ask = If all is right, write the name of the school: **{ $school }**. Until { DATETIME($until, dateStyle: "long") } the chats of graduates and of merged classes can be read. ❌ or `cancel` leaves everything as it is.
year-planned-already = The year is already to be opened on { DATETIME($day, dateStyle: "long") }. If you confirm this, it takes that one’s place; to drop it: `year undo`
year-planned-failed = The year was to open on { DATETIME($day, dateStyle: "long") }, and could not; what was planned is still kept. If you confirm this, it takes that one’s place; to drop it: `year undo`
year-type-name = To do it, write the whole name of the school: { $school }. To leave everything as it is: `cancel`
year-left = All right, everything is as it was.
year-planned = It is planned: the school year { $year } opens on { DATETIME($day, dateStyle: "long") }, soon after midnight. If by then something is unclear, I will write. To drop it: `year undo`
year-opened = The school year { $year } is open. Chats change by themselves within minutes. To take all of it back: `year undo`

year-forgotten = All right, nothing will change by itself on { DATETIME($day, dateStyle: "long") }.
year-forgotten-failed = All right, what was planned for { DATETIME($day, dateStyle: "long") } is not kept any longer.
year-nothing-to-undo = There is nothing to undo: no year was opened within so many days ({ $days }), or it has been undone.
year-ask-undo = The opening of { $year } ({ DATETIME($at, dateStyle: "long", timeStyle: "short") }) will be undone as a whole: names of classes, chats and who is in them become what they were. What you changed yourselves since stays. If that is what you need, write the name of the school: **{ $school }**. ❌ or `cancel` leaves everything as it is.
year-undone = The opening of { $year } is undone. Records put back: { $count }. Chats change by themselves within minutes.
year-undone-but = Left as it is:
year-undone-left = { $what }: { $why }
year-left-changed = changed since
year-left-in-use = in use since
year-left-taken = its old name or place is taken
year-left-last-administrator = else the school would have no administrator

# In the chats of classes, and to the other administrators.

year-room-pointer = Classes were merged: { $class } learns here now — “{ $room }”. { $link } This chat can be read until { DATETIME($until, dateStyle: "long") }; nobody can write in it any more.
year-room-farewell = { $class } has graduated! This chat can be read until { DATETIME($until, dateStyle: "long") }; nobody can write in it any more.
year-room-open = This chat is open again, you can write here.
year-news-opened = The school year { $year } was opened: { $school }. Chats change by themselves. To undo it: `year undo`
year-news-undone = The opening of the school year { $year } was undone: { $school }. Chats change by themselves.
year-news-failed = The school year was to open today, but something at the school has changed since that was planned, and it cannot be told by itself any more. Chats and lists are as they were: { $school }. In the way is:
year-news-broken = The school year was to open today, and did not, by an error of the program. Chats and lists are as they were: { $school }. What happened stands in the server’s log: ask whoever looks after it. Then open the year again: `year`, and behind it what is to be otherwise.
year-news-failed-next = What was planned is kept, but does not open by itself any more. Mend what is in the way and send it again — I show everything first: `year { $choices }`. To drop what was planned: `year undo`

action-year-plan = the opening of the school year was set for a day
action-year-fail = the opening that was set for a day did not happen
action-year-forget = the opening that was set for a day was called off
action-batch-year = a new school year was opened
action-batch-import = a list of the school was applied
action-batch-undo = changes of many at once were taken back
action-roster-export = the list of the school was written into a file
