# Broadcasts: how people are asked to watch, where they do, and what is left of it.

broadcast-how =
    Say in one message whom it is for, what it is called, and its link:

    - `broadcast 5А: First day of school https://vk.com/video…`
    - `broadcast parents of grades 1-4: concert https://…`
    - `broadcast 5А: going over the test in Sferum` — that is a call of Sferum, which begins with ▶️

    The chats get an announcement with a link of mine, which opens only for those it is for.
broadcast-host = Broadcasts at { $host } are not shown here, so nothing was sent. An https link to one of these sites will do: { $hosts }. If you need another, ask the school's administrator to add it to the setting `calls.broadcast_hosts`.
broadcast-check = It will be watched here: { $address }. The address itself goes into no chat.
broadcast-check-sferum = It will be watched in a call of Sferum: it begins in your name when you tap ▶️. Everybody who joins can speak there.
broadcast-login = A call of Sferum begins in your name, and your login to Sferum will not do for it, so nothing was done. Log in: `sferum login`
broadcast-no-sferum = The school has no calls of Sferum, so nothing was sent. Give the address of a video: `broadcast 5А: Day of knowledge https://…`
broadcast-sferum-failed = Sferum did not start the call, so the broadcast has not begun and nothing has changed in the chats.
broadcast-not-begun = This broadcast has not begun: ▶️ or `broadcast begun` starts the call of Sferum. If there will be none, delete your message with it or tap 🗑.
broadcast-sent = ▶️ or `broadcast begun` when it begins, ⏹ or `broadcast over` when it is over. All the chats will show when it was.
broadcast-begun = Begun, chats: { $rooms }. When it is over, tap ⏹ or write `broadcast over`
broadcast-ended = Over, chats: { $rooms }; the link does not open any more. If there is a recording, write `broadcast recording https://…`: then the same link opens that.
broadcast-recorded = The recording was added, chats: { $rooms }. The same link opens it, for the same people.
broadcast-recording-how = Give the link of the recording: `broadcast recording https://…`
broadcast-already = That is noted already, nothing has changed.
broadcast-none = You have no broadcast that was sent to chats. To announce one, write `broadcast`

broadcast-head = 📺 **Broadcast** · { $author }
broadcast-urgent = ❗ 📺 **Broadcast** · { $author }
broadcast-post = Watch: { $link } — opens, after signing in, for those it is for.
broadcast-post-on = 🔴 On since { DATETIME($clock, timeStyle: "short") }. Watch: { $link } — opens, after signing in, for those it is for.
broadcast-post-over = Over. It was on { DATETIME($at, dateStyle: "long", timeStyle: "short") } — { DATETIME($end, timeStyle: "short") }, there is no recording.
broadcast-post-recorded = Over. It was on { DATETIME($at, dateStyle: "long", timeStyle: "short") } — { DATETIME($end, timeStyle: "short") }. Recording: { $link } — opens, after signing in, for those it was for.

action-broadcast-begin = a broadcast was begun
action-broadcast-end = a broadcast was ended
action-broadcast-record = a broadcast's recording was added
