"""The seam to Matrix.

`client` speaks to the homeserver and waits when it is away, `appservice` receives transactions,
`door` decides whose business an event is, `lanes` works through the durable queues in order,
`outbox` sends, `ghosts` plays remote users, `rooms` makes the wanted rooms actual (with `creation`,
`shape` and `room`), `facts` and `policy` tell the homeserver extension, `accounts` creates logins,
`registration` writes the two appservice registrations. Used by `bot`, `relay`, `web` and `app`.
"""
