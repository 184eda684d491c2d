# An administrator imports the school's lists.
import-right = The school's lists are imported by its administrator. You may not do that; ask them.
import-send = Send the file with the lists of the school “{ $school }” here: a spreadsheet (XLSX, XLS, ODS), CSV or ZIP, up to { $most } MB. I read it and show what would change; without your word nothing does.
import-send-year = Send the file with the lists of the school “{ $school }” for the new school year here, up to { $most } MB. What is usual at the turn of the year (new classes, leavers) does not hold the import back; without your word nothing changes.
import-waits-for-file = I am waiting for the file with the lists. If you changed your mind, write `cancel`
import-encrypted = The file was encrypted by your app, so I cannot read it. Send it in a chat without encryption.
import-too-big = The file is larger than may be sent: up to { $most } MB. Take needless sheets and pictures out, or import it on the server: `sferum-bridge roster apply`
import-reading = Reading the file. I take it out of the chat.
import-lost = The file could not be fetched. Please send it again: `import`
import-gone = The file that waited for a decision is no longer there. Please send it again: `import`
import-refused = The file is not accepted, and nothing was changed. Correct it and send it again:
import-looked = The file for the school “{ $school }” was read. Nothing has been changed yet.
import-would = If it is applied:
import-clean = There is nothing to correct in the file.
import-nothing = Nothing changes: the school is like that already.
import-problems = Rows left out: { $wrong }, notes: { $notes }. The first of them (all are in the file below, with the cells coloured):
import-problem = { $where } (“{ $value }”): { $said }
import-problem-file = { $said }
import-not-stored = Neither read nor stored: { $columns }. Such data must not be here.
import-marked-name = Notes on the list
import-rejected-name = To correct and import again
import-people-new = { $count ->
    [one] { $count } new person
   *[other] { $count } new people
 }
import-people-changed = other data: { $count }
import-people-moved = into another class: { $count }
import-people-left = leave: { $count }
import-rooms-made = new rooms and spaces: { $count }
import-rooms-renamed = rooms with another name: { $count }
import-rooms-dropped = rooms not needed any more: { $count }
import-joins = people joining rooms: { $count }
import-leaves = people leaving rooms: { $count }
import-guardians = guardians to expect: { $count }
import-missing = at the school but not in the file: { $count } (nothing is done about them)
import-who = Who is this in the file: **{ $name }** ({ $place })? A name alone is too little to decide by myself. Questions left: { $left }.
import-who-how = Answer with the number. `0` is a new person, `skip` leaves the row alone, `cancel` forgets the file.
import-who-again = Answer with a number from 0 to { $most }, `skip` or `cancel`
import-holds = Held back, since it may be a mistake:
import-hold-leave = { $what } would leave: { $count } of { $of }
import-hold-change = { $what } would change: { $count } of { $of }
import-hold-empty = class { $what } would have no pupils any more, now there are { $of }
import-hold-guardians = class { $what } would lose all its parents, now there are { $of }
import-hold-unled = class { $what } would have no class teacher: their row is left out
import-hold-name = the file names another school: “{ $what }”
import-hold-unknown = the school knows only { $count } of { $of } people of the file: is it another's?
import-type-pupil = pupils
import-type-staff = staff
import-type-guardian = parents
import-undecided = Waiting for a decision, and untouched: { $count }.
import-missing-how = Who is not in the file stays. If they have left, answer `apply leavers`
import-missing-rows = Who is not in the file stays: rows are left out, and whoever stands in them has not left. Correct those first.
import-ask = Answer `apply` or `cancel`
import-how-on = The file waits for a decision: `apply`, `apply leavers` or `cancel`
import-name = If all of it is meant, write the school's name: “{ $school }”. Otherwise `cancel`
import-name-wrong = The name is another, and nothing was changed.
import-leavers-kept = Nobody was made to leave: rows are left out, and whoever stands in them has not left.
import-done = Done. The rooms change within the next minutes.
import-left-out = Rows left out: { $count }. They are in the file below: correct it and send it again.
import-undo-hint = { $count ->
    [one] All of it can be undone for { $count } day: `import undo`
   *[other] All of it can be undone for { $count } days: `import undo`
 }
import-dropped = The file is forgotten, and nothing was changed.
import-undo-none = There is nothing to undo: no import that still can be.
import-undo-ask = Undo the import “{ $label }” of { DATETIME($at, dateStyle: "long", timeStyle: "short") } as a whole? Rows in it: { $count }. What was changed since stays. Answer `confirm` or `cancel`
import-undo-how = Answer `confirm` to undo the import, or `cancel`
import-undone = The import “{ $label }” is undone, rows put back: { $count }. The rooms change within the next minutes.
import-left = Left as it is: { $count }
import-class-ids = ids of classes in the list
import-left-changed = { $name }: changed since
import-left-in-use = { $name }: in use by now; the roles have ended, the record stays
import-left-taken = { $name }: the name, or what it needs, is given away
import-left-last-administrator = { $name }: the school would have no administrator
