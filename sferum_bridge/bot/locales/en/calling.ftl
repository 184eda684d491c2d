# Group calls: who starts them, how people get in, and what is left of them.

call-where = Calls are started in a chat of the class or the school: write `!call` there, and everybody in it gets a link. To end it: `!call end`
call-how = To start a call write nothing but `!call` in the chat, and `!call end` to end it. No call was started.
call-right = In this chat teachers and the school's administrators start calls, so none was started. Ask one of them. Everybody in the chat can join a call that goes on.
call-none = There is no call in this chat now. To start one, write `!call` there
call-goes-on = A call goes on in this chat already, its link is further up. End it first: `!call end`
call-login = This chat is linked to a chat of Sferum, but your login to Sferum does not do for it, so no call was started. Log in: `sferum login`. If you have, ask a teacher who is in that chat of Sferum.
call-nowhere = The school has not set up calls for this chat, so none was started. Tell the administrator: calls are set up in the section `calls` of the helper's settings.
call-sferum-failed = Sferum did not start a call, and nothing was sent to the chat.
call-started = The call is on, its link is in the chat. To end it: `!call end` in the same chat.
call-started-sferum = The call of Sferum is on, its link is about to appear in the chat. To end it: `!call end` in the same chat.
call-not-told = The call of Sferum is on, but its link may not have come into the chat. If it is not there, send it yourself: { $link }
call-not-ended = Sferum did not end the call. If it still goes on there, end it in Sferum itself; else it ends when everybody has left.

call-post =
    📞 **Call** · { $author }

    Join from a phone or a computer: { $link }

    The link opens the call only to those who are in this chat: the page asks you to sign in with your own account.
call-in-sferum = 📞 A call. Join: { $link }
call-over =
    📞 **The call is over** · { $author }. { DATETIME($at, dateStyle: "long", timeStyle: "short") } — { DATETIME($end, timeStyle: "short") }, { $minutes } { $minutes ->
        [one] minute
       *[other] minutes
    }. Joined by the link: { $count }.
call-over-sferum =
    📞 **The call of Sferum is over** · { $author }. { DATETIME($at, dateStyle: "long", timeStyle: "short") } — { DATETIME($end, timeStyle: "short") }, { $minutes } { $minutes ->
        [one] minute
       *[other] minutes
    }.

action-call-start = a call was started
action-call-end = a call was ended

erased-calls = calls the person started
erased-call_guests = marks of having joined calls that go on now
paper-calls = Calls
