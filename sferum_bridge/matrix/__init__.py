"""The seam to Matrix.

`client` speaks to the homeserver and waits when it is away, `appservice` receives transactions,
`lanes` works through the durable queues in order, `outbox` sends, `ghosts` plays remote users,
`rooms` makes the wanted rooms actual, `policy` pushes facts to the homeserver extension,
`registration` writes the two appservice registrations. Used by `bot`, `relay`, `web` and `app`.
"""
