# Announcements: how they are written, whom they are for and what became of them.

announce-right = You have no right to this announcement, and nothing was sent. The school’s administrator speaks to the whole school, a class teacher to the own class. Ask one of them.
announce-text =
    Write the announcement in one message. Whom it is for may stand in front of a colon:

    - `5А: no music lesson tomorrow`
    - `parents of 5А: we meet at 18:00`
    - `grade 5: …`, `grades 1-4: …`, `school: …`

    If you change your mind, write `cancel`
announce-school = To which school? Tap the number or write it.
announce-school-line = { $school }
announce-audience =
    Whom is this for? Tap the number or write it:

    1. the whole school
    2. all parents
    3. all pupils
    4. the staff

    Or write classes, grades and roles: `5А, 5Б`, `parents of grade 5`, `grades 1-4`. Changed your mind: `cancel`
announce-audience-led =
    Whom is this for? Tap the number or write it:

    1. everybody in my class
    2. the parents
    3. the pupils

    Or write class and role: `5А`, `parents of 5А`. Changed your mind: `cancel`
announce-unclear = I did not understand whom it is for. Name classes that the school has, grades or roles. The staff is only spoken to as a whole, without classes.
announce-nobody = These classes have no chats now, so nobody would see the announcement. Choose others.
announce-only-here = The announcement stands in this chat already, and the people you chose have no other. Choose others, or write `cancel`
announce-linked = Chats linked with Sferum chats: { $rooms }. The announcement does not go to Sferum itself: who reads only there does not see it. Write there yourself.
announce-long = The announcement is longer than { $most ->
    [one] { $most } character
   *[other] { $most } characters
    }, and nothing was sent. Make it shorter, and put the details as a file into the class’s materials.
announce-file = I only pass text on; the file was sent to nobody. Write the announcement in words, and put the file into the class’s materials.
announce-check = Please check. For: **{ $audience }**. Chats: { $rooms }, people in them: { $people }. The text:
announce-check-how = ✅ or `yes` — send, ❗ or `urgent` — send it and ring everybody, ❌ or `cancel` — do not send. You can still correct the text in your own message.
announce-check-quiet = These are quiet hours. ✅ or `yes` — I send it at { DATETIME($until, timeStyle: "short") }, ❗ or `urgent` — I send it now and ring everybody, ❌ or `cancel` — do not send. You can still correct the text in your own message.
announce-gone = This announcement is gone. To begin another, write `announce`
announce-done-already = This announcement was sent or cancelled before. Yours are listed by `announcements`
announce-dropped = All right, I send nothing.
announce-sent = On its way, chats: { $rooms }. Correct or delete your message, and the announcement follows in all chats. 📊 — how many have read it, 🗑 — delete it everywhere.
announce-held = Quiet hours: the announcement goes out at { DATETIME($until, timeStyle: "short") }. Until then you can correct or delete it with your message. 🗑 — do not send.
announce-delivered = The announcement was delivered, chats: { $rooms }. 📊 — how many have read it, 🗑 — delete it everywhere.
announce-delivered-partly = The announcement was not delivered everywhere: { $rooms } chats, { $refused } failed. 📊 — which ones. Tell an administrator if it stays so.
announce-edited = Corrected, chats: { $rooms }.
announce-edited-held = Corrected. The new text goes out.
announce-edit-empty = Your edited message has no words, so the announcement stayed as it was. Correct the text, or delete the message: then the announcement goes too.
announce-same-audience = Whom it was sent to does not change any more. For other classes write a new one: `announce`
announce-withdrawn = The announcement was deleted, chats: { $rooms }. Who has read it has read it.
announce-withdrawn-held = All right, the announcement will not go out.
announce-held-right = The announcement that waited for the end of quiet hours was not sent: you have no right to it any more. If it is needed, ask the school’s administrator.
announce-summary = **{ $audience }**, { DATETIME($at, dateStyle: "long", timeStyle: "short") } — { $text }
announce-summary-held = Waits for the end of quiet hours, goes out at { DATETIME($until, timeStyle: "short") }.
announce-summary-withdrawn = Deleted.
announce-summary-read = Chats delivered: { $rooms } of { $all }. Read by **{ $read }** of { $people }. Who hides read receipts is not counted.
announce-room-sent = { $room }: { $read } of { $people }
announce-room-waiting = { $room }: still being sent
announce-room-refused = { $room }: not delivered
announcements-none = You have announced nothing yet. To begin, write `announce`

audience-school = whole school
audience-grade = grade { $grade }
audience-pupils = pupils
audience-parents = parents
audience-staff = staff

announcement-head = 📢 **Announcement** · { $author }
announcement-urgent = ❗ **Urgent announcement** · { $author }

action-announcement-send = an announcement was sent
action-announcement-hold = an announcement was put off until quiet hours end
action-announcement-edit = an announcement was corrected
action-announcement-withdraw = an announcement was deleted

erased-announcements = announcements
erased-readings = marks that announcements were read
paper-announcements = Announcements
value-draft = draft
value-held = waits
value-sent = sent
