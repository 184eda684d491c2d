"""A stand-in for Sferum: a server that behaves as VK Messenger is publicly known to.

Run as a process of its own by the demo, the tests and the benchmarks:

    python -m sferum_bridge.standin --port 0 --state FILE --announce FILE

It keeps people, chats, messages, tokens and cursors in the state file, so that a restart (also
after `kill -9`) goes on where it stopped. It imports nothing of the bridge, so that both do not
share one misreading of the protocol. It listens on loopback only unless told otherwise, and knows
invented people only.

What it answers:

    /?act=web_token&app_id=8202606     a cookie for access tokens, one for each profile
    /method/<name>                     the API (`methods.registry` lists what is known)
    /lp<user_id>?act=a_check&...       the user long poll, versions 0 to 21
    /control/...                       the control interface, below

The files: `settings`, `values` and `errors` are what the rest speaks in; `database`, `people`,
`chats`, `messages` and `journal` keep state; `messenger` holds the rules; `objects` and `updates`
show state as JSON objects and long-poll arrays; `methods/`, `longpoll`, `web` and `control` answer
requests; `faults` makes some of them fail; `app` puts all of it together; `client` drives the
control interface from elsewhere and is the only module that others may import.

Control interface. The announce file is JSON `{"url", "host", "port", "pid", "control_key"}`,
written once the server listens; the key is new with every start and goes into
`Authorization: Bearer`.
Bodies and answers are JSON; 400 is a bad body, 404 an unknown thing, 409 `{"error", "code"}` what
the messenger refuses. `chat` is the `chat` that creating one returned.

    POST   /control/users            {first_name, last_name, profiles?: [0, 2], cookie?,
                                      role?, organization?} -> {cookie, profiles: [{user_id,
                                      profile_type}]}
    DELETE /control/users/N/cookies  log the person out
    POST   /control/chats            {title, owner, members} -> {chat, peers: {user_id: peer_id}}
    PATCH  /control/chats/N          {title?, writing_disabled?}
    POST   /control/chats/N/members  {user_id}, DELETE .../members/USER: by the owner
    GET    /control/chats/N/messages -> {messages: [{cmid, from_id, text, date, random_id,
                                      reply_cmid, deleted, action, attachments}]}, oldest first
    POST   /control/messages         {from, chat | to, text, reply_cmid?, attachments?} -> {chat,
                                      cmid}; `to` is a user
    PATCH  /control/messages         {from, chat, cmid, text}
    DELETE /control/messages         {from, chat, cmid}: for everybody
    POST   /control/faults           {method, effect, times?, code?, seconds?, fields?}; `method` is
                                      an API method, `web_token`, `longpoll`, or a pattern; effects
                                      are in `faults.Effect`; for `longpoll`, `error` answers
                                      `{"failed": code}`
    GET    /control/faults           -> {faults}: what is left; DELETE forgets it and the counters
    POST   /control/expire           {tokens?: true, keys?: true, lost?: true, user_id?}
    GET    /control/counters         -> {seen: {method: n}, refused: {"method code": n}}
    POST   /control/reset            forget everything and everybody
"""
