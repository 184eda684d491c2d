# Requests to the school and reports of messages.

request-text = What happened? Describe it in one message; I pass it to the school’s administrator with your name and role. Write no passwords and codes: I strike them out anyway. Changed your mind: `cancel`. If it is urgent: { $contact }
request-school = Which school is this for? Tap the number or write it.
request-school-tap = Tap the number of the school or write it. Changed your mind: `cancel`
request-sent = Your request was passed to the school’s administrator. I will write when somebody takes it up and when there is an answer. Yours are listed by `requests`
request-nobody = I noted it, but there is nobody to pass it to right now. Please write yourself: { $contact }
request-nowhere = Right now you have no role in a school, so there is nobody to pass the request to. Help: { $contact }

report-how =
    To report a message:

    - put 🚩 below it
    - or reply to it in the chat: `!report`
    - or send me a link to it here: `report` and the link. Then nobody sees anything in the chat.

    The class teacher and the school’s administrator see the report; the message’s author does not.
report-sent = Your report was passed to the class teacher or the school’s administrator together with the message. Its author does not learn of it. I will write when it was looked into. If you are in danger, tell an adult right now.
report-not-found = I see no such message. You can report messages in chats of the school that you are in. About anything else write: `request`
report-own = This is your own message. You can simply delete it.
report-already = This was reported before. I will write when it was looked into.
report-shown =
    Message in the chat “{ $room }”, { DATETIME($at, dateStyle: "long", timeStyle: "short") }
    Author: **{ $name }** ({ $account })
report-edited = After an edit:

ticket-head =
    { $kind ->
        [report] 🚩 Report of a message
       *[request] 🛟 Request to the school
    } from: **{ $name }**, { $roles }
    Account: { $account }
ticket-how = ✋ — take it up, 💬 — answer, ✅ — close. Everything that waits: `requests`
ticket-taken-line = Taken up by: { $name }
ticket-taken = { $kind ->
    [report] Your report is being looked into by
   *[request] Your request was taken up by
    }: { $name }.
ticket-taken-others = { $kind ->
    [report] The report
   *[request] The request
    } (from: { $who }) was taken up by: { $name }.
ticket-taken-done = It is yours now, and the person knows. 💬 — answer, ✅ — close it when all is settled.
ticket-taken-by = Somebody has it already: { $name }.
ticket-answer = Write the answer in one message, I pass it on. Changed your mind: `cancel`
ticket-answered = { $kind ->
    [report] Answer to your report
   *[request] Answer to your request
    } · { $name }. 💬 — write more.
ticket-answer-done = The answer was passed on. 💬 — write more, ✅ — close.
ticket-added = { $name } writes more. 💬 — answer.
ticket-more = Write it in one message, I pass it on. Changed your mind: `cancel`
ticket-more-done = Passed on.
ticket-closed = { $kind ->
    [report] Your report was looked into.
   *[request] Your request was closed.
    } If something is left, write again: `request`
ticket-close-done = Closed; the person will know.
ticket-closed-already = This was closed before. If you need anything else, write again: `request`
ticket-sure = These words look like a command, so I have passed them to nobody yet. ✅ or `yes` — pass them on as a message. If you want the command, write it once more. Changed your mind: `cancel`. The words:
ticket-late = You answered more than { $minutes ->
    [one] { $minutes } minute
   *[other] { $minutes } minutes
    } after my question, so I passed nothing on. Begin again: `request` or `requests`
ticket-cancelled = All right, I pass nothing on.
ticket-gone = This request is gone. To write another: `request`
ticket-not-yours = You have no right to do this. Who can: for requests the school’s administrator, for reports the class teacher as well, but nobody they are about.
tickets-none = There is nothing now. To write to the school’s administrator: `request`
tickets-more = This is not all. Close these, and I show the others: `requests`
tickets-mine = Your requests:
ticket-mine-open = { DATETIME($at, dateStyle: "medium") }, waits: { $kind ->
    [report] report
   *[request] request
    } { $text }
ticket-mine-taken = { DATETIME($at, dateStyle: "medium") }, taken up: { $kind ->
    [report] report
   *[request] request
    } { $text }
ticket-mine-closed = { DATETIME($at, dateStyle: "medium") }, closed: { $kind ->
    [report] report
   *[request] request
    } { $text }

ticket-role-administrators = administrator
ticket-role-staff = staff
ticket-role-leaders = class teacher
ticket-role-teachers = teacher
ticket-role-pupils = pupil
ticket-role-parents = parent

action-request-open = request to the school
action-request-read = a request was read
action-request-take = request taken up
action-request-answer = answer to a request
action-request-add = addition to a request
action-request-close = request closed
action-report-open = report of a message
action-report-read = a report was read
action-report-take = report taken up
action-report-answer = answer to a report
action-report-add = addition to a report
action-report-close = report closed

erased-tickets = requests and reports
paper-tickets = Requests and reports
value-request = request
value-report = report
value-taken = taken up
value-closed = closed
