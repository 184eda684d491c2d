"""The homeserver extension: a Synapse module that keeps school rooms closed (S-44, I-7).

Synapse loads it, in every one of its processes, by this entry in homeserver.yaml; nobody else
imports it, and it imports nothing of ours but pure rules of `school`:

    modules:
      - module: sferum_bridge.homeserver.SferumModule
        config:
          secret_file: /etc/sferum-bridge/homeserver-secret   # or secret: …; at least 32 bytes
          bot: "@sferumbot:school.example"

`settings` checks that entry, `facts` reads what the bridge pushes, `storing` and `tables` keep it
in Synapse's own database, `ledger` in memory, `processes` knows who else does, `endpoint` is the
door it comes in by, `gatekeeper` answers about rooms, `wraps` stand where Synapse has no callback,
`files` knows who was shown what the bridge put up, `backlog` what it had shown before, `today`
takes off what has ended by itself and `openings` whom that left in a room, `sweep` follows up what
changed in the school and `watching` what changed in rooms (`departing` is how people leave),
`withdrawing` takes rooms off lists, `uploads` looks at files (`clamd` asks the scanner),
`explaining` and `telling` say to people why something was refused, `passwords` is the door by which
who lost theirs gets a new one, `enrolling` that by which many come into a room at once, `module`
puts the parts together and asks the contour.

The facts endpoint
    Only the bridge writes facts. Both requests carry `X-Sferum-Mac`, the hexadecimal HMAC-SHA256
    keyed with the shared secret.

    `POST /_synapse/client/sferum/v1/facts`, the code being over the raw body: one generation,
    full or as the difference to `base`. Generations only rise, so a recorded request that
    is played again is answered 409 with the generation that holds. The answer 200 comes when the
    facts are committed, this process decides by them, and every other process does or
    `ack_seconds` are over.

    A push that is longer than `max_body_bytes` comes in parts: bodies of their own that have
    `"part": {"push": id, "number": 1…of, "of": n}` besides, and the same generation and base.
    Each is answered 202, the one that completes the push as above; till then the old facts hold.

    `GET` of the same path tells where the facts stand, so that a bridge knows where to go on.
    The code is over `GET /_synapse/client/sferum/v1/facts <time>`, with `<time>`, Unix time in
    whole seconds, also sent as `X-Sferum-Time`. It must be within a minute of the server's clock:
    a recorded request can be played again for that long, and changes nothing. No body of a push
    reads like that text, so neither code serves for the other request.

    Both answer:

        {"generation": 7,          the number a push has to exceed, or to follow as a difference
         "people": 900, "rooms": 80,
         "readable": true,         false: the tables lost rows, or cannot be read; push all
         "damaged": 0,             rows that cannot be believed; above 0: push all
         "processes": {"main": 7, "generic_worker1": 6},     process → generation it decides by
         "waiting": ["generic_worker1"],    alive, and not at this generation yet
         "missing": [],            of `expected_processes` and `instance_map`, but does not report:
                                   it is down, or runs without this module
         "tells_all": true}        a restart of Synapse keeps nothing from the bridge (`untold`)

    A room's audience may name groups that end by themselves, `until/<milliseconds UTC>/<name>`
    (`school.terms`): from then on, by the server's clock, the room admits nobody by them.

    What was revoked holds in the answering process before the answer, in another from the moment
    it is no longer in `waiting`: a few milliseconds with replication, `poll_seconds` without. A
    process that reaches neither leaves `processes` after `process_timeout`, and has stopped
    deciding for the school's side by `stale_seconds`. A request that was being answered at that
    moment may end by what held when it came.

What holds when facts are missing
    Never pushed: no room is known as a school room, so everything is allowed as without us. A
    server can have the module before it has a school, and the bridge pushes a room's fact before
    anybody is in that room but the bot.
    Pushed once: they are in the database and survive restarts of Synapse, with or without the
    bridge.
    A row is damaged: that person is of the school without any right, that room admits nobody; the
    rest holds.
    Out of date (the database cannot be asked for `stale_seconds`, or a reload failed): everybody
    known to be of the school has no rights, school rooms admit nobody. Others go on. Nobody is
    put out of a room for it: `sweep` waits until it is sure what holds.
    Unknown (rows or tables are lost, and this process remembers nothing): nobody can be told from a
    pupil, so nobody but the bot makes a room, is invited or joins. What people write in rooms they
    are in goes on. A full push repairs all of this.
"""

from sferum_bridge.homeserver.module import SferumModule

__all__ = ["SferumModule"]
