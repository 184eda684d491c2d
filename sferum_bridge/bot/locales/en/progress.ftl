# How far the making of a school's rooms has come: after an import, in a new school year.

progress-going = Making the rooms of “{ $school }”: { $percent } %. To have it rest for a while: `pause`
progress-paused = The making of the rooms of “{ $school }” rests at { $percent } %: an administrator paused it. Whoever is to leave rooms leaves them all the same. To go on: `resume`
progress-done = The rooms of “{ $school }” are ready. Rooms: { $rooms }, places taken in them: { $members }.
progress-refused = Failed: { $count }. I shall try again; if somebody is not in a room by tomorrow, write to: { $contact }

pause-done = The making of rooms rests: no new rooms and members for now, and no new names. Whoever is to leave rooms leaves them all the same. To go on: `resume`
pause-already = The making of rooms rests already. To go on: `resume`
resume-done = The making of rooms goes on. Of long work I tell you how far it is.
resume-already = The making of rooms does not rest. To have it rest for a while: `pause`
pause-right = You have no right to do this. It can be done by: an administrator of the school.

action-rooms-pause = making of rooms paused
action-rooms-resume = making of rooms resumed
