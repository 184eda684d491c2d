"""A stand-in for Sferum: a server that behaves as VK Messenger is publicly known to.

Run as a process of its own by the demo, the tests and the benchmarks:

    python -m sferum_bridge.standin --port 0 --state FILE --announce FILE

It keeps people, chats, messages, files, tokens and cursors in the state file and a folder beside
it, so that a restart (also after `kill -9`) goes on where it stopped. It imports nothing of the
bridge, so that both do not share one misreading of the protocol. It listens on loopback only unless
told otherwise, and knows invented people only.

What it answers:

    /?act=web_token&app_id=8202606     a cookie for access tokens, one for each profile
    /method/<name>                     the API (`methods.registry` lists what is known; `execute`
                                       packs calls: `return [API.a.b({...}), ...];`)
    /lp<user_id>?act=a_check&...       the user long poll, versions 0 to 21
    /upload/<ticket>                   where the upload servers of the API lead
    /files/, /doc/, /static/, /player  downloads, the pages of documents (which lead on to the
                                       file), the service's own pictures, a page with no video
    /control/...                       the control interface, below

The files: `settings`, `values` and `errors` are what the rest speaks in; `database`, `people`,
`chats`, `messages`, `reactions`, `calls`, `files`, `media`, `uploads` and `journal` keep state;
`messenger` and `management` hold the rules; `objects`, `shapes`, `updates` and `hints` show state
as JSON objects and long-poll arrays, `probing` looks into files; `methods/`, `longpoll`, `web`,
`depot` and `control/` answer requests, all by `answering`, where `faults` makes some of them fail;
`app` puts all of it together; `client` drives the control interface from elsewhere and is the only
module that others may import.

Control interface. The announce file is JSON `{"url", "host", "port", "pid", "control_key"}`,
written once the server listens; the key is new with every start and goes into
`Authorization: Bearer`.
Bodies and answers are JSON; 400 is a bad body, 404 an unknown thing, 409 `{"error", "code"}` what
the messenger refuses. `chat` is the `chat` that creating one returned, `from` and `by` the user
who acts (`by` is the owner where it is left out), `file` what POST /control/files returned.

    POST   /control/users            {first_name, last_name, profiles?: [0, 2], cookie?, role?,
                                      organization?} -> {cookie, profiles: [{user_id,
                                      profile_type}]}
    PATCH  /control/users/N          {first_name?, last_name?, photo?: file, deactivated?}
    POST   /control/users/N/cookies  sign the person in once more -> {cookie}
    DELETE /control/users/N/cookies  log the person out
    POST   /control/chats            {title, owner, members} -> {chat, peers: {user_id: peer_id}}
    PATCH  /control/chats/N          {by?, title?, description?, photo?: file or null,
                                      pinned?: cmid or 0, writing_disabled?}
    POST   /control/chats/N/members  {user_id, by? | by_link?: true} -> {peer_id}
    PATCH  .../members/USER          {is_admin}; DELETE .../members/USER {by?}: by USER, leaving
    POST   /control/chats/N/service  {by?, action: {type, ...}} -> {cmid}: any service message
    GET    /control/chats/N/messages -> {messages: [{cmid, from_id, text, date, update_time,
                                      random_id, reply_cmid, deleted, action, attachments,
                                      forwards, format_data, geo, keyboard, reactions:
                                      {user_id: reaction_id}}]}, oldest first
    POST   /control/files?name=&mime=&size=  the bytes -> {file, url, size}; zeros fill up to `size`
    DELETE /control/files            {file}: its addresses answer 404
    POST   /control/attachments      {kind, owner, file?, ...} -> {attachment}; kinds: photo, doc,
                                      audio_message {seconds?, transcript?}, graffiti, video
                                      {title?; no file: a player only}, sticker {sticker_id}, poll
                                      {question, answers, anonymous?, multiple?}, wall {text,
                                      attachments?}, link {url, title?}
    POST   /control/messages         {from, chat | to, text?, attachments?: as VK shows them,
                                      forwards?: [{chat, cmid} or as VK shows them], reply_cmid?,
                                      format_data?, geo?, keyboard?, payload?, silent?, random_id?,
                                      date?} -> {chat, cmid}; `to` is a user
    PATCH  /control/messages         {from, chat, cmid, text?, attachments?, format_data?, geo?,
                                      keyboard?}: an edit; with `quietly` instead of `from` what the
                                      service changes by itself (10018: transcripts, snippets)
    DELETE /control/messages         {from, chat, cmid, for_all?: true}
    POST   /control/messages/restore {from, chat, cmid}; .../refetch {chat, cmid}: event 10019
    POST   /control/reactions        {from, chat, cmid, reaction_id}, 0 takes it back
    GET    /control/reactions        {chat, cmid} -> {reactions: {user_id: reaction_id}}
    POST   /control/reads            {from, chat, cmid}: read up to a message
    POST   /control/activity         {from, chat | to, activity?: typing, audiomessage, photo,
                                      video, file, videomessage}
    POST   /control/calls            {from, chat, video?} -> {call_id, join_link}; a chat gets a
                                      message, a dialog is rung
    DELETE /control/calls            {from, call_id, seconds?, state?}: another message takes the
                                      place of the first
    POST   /control/events           {user_id, update: [...]}: a long-poll event as it is, of
                                      whatever kind and form
    POST   /control/faults           {method, effect, times?, code?, seconds?, fields?, text?};
                                      `method` is an API method, `web_token`, `longpoll`, `upload`,
                                      `file`, or a pattern; effects are in `faults.Effect`; for
                                      `longpoll`, `error` answers `{"failed": code}`; `cut_after`
                                      a `file` cuts it in its middle
    GET    /control/faults           -> {faults}: what is left; DELETE forgets it and all counts
    POST   /control/expire           {tokens?: true, keys?: true, lost?: true, user_id?}
    GET    /control/counters         -> {seen: {method: n}, refused: {"method code": n}}
    GET    /control/requests         -> {requests: [{method, params}]}: the latest, without tokens
    POST   /control/reset            forget everything and everybody
"""
