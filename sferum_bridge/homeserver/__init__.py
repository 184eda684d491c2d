"""The homeserver extension: a Synapse module that keeps school rooms closed (S-44, I-7).

Synapse loads it, in every one of its processes, by this entry in homeserver.yaml; nobody else
imports it, and it imports nothing of ours but `school.contour`:

    modules:
      - module: sferum_bridge.homeserver.SferumModule
        config:
          secret_file: /etc/sferum-bridge/homeserver-secret   # or secret: …; at least 32 bytes
          bot: "@sferumbot:school.example"

`settings` checks that entry, `facts` reads what the bridge pushes, `ledger` keeps it in Synapse's
own database, `endpoint` is the door it comes in by, `guard` stands where Synapse has no callback,
`module` puts the parts together and asks the contour.

The facts endpoint
    Only the bridge writes facts. Both requests carry `X-Sferum-Mac`, the hexadecimal HMAC-SHA256
    keyed with the shared secret.

    `POST /_synapse/client/sferum/v1/facts`, the code being over the raw body: one generation,
    full or as the difference to `base`. Generations only rise, so a recorded request that
    is played again is answered 409 with the generation that holds. The answer 200 comes when the
    facts are committed and this process decides by them; other processes are told through
    Synapse's cache invalidation (milliseconds), and look by themselves every second besides.

    `GET` of the same path tells the generation that holds, so that a bridge knows where to go on.
    The code is over `GET /_synapse/client/sferum/v1/facts <time>`, with `<time>`, Unix time in
    whole seconds, also sent as `X-Sferum-Time`. It must be within a minute of the server's clock:
    a recorded request can be played again for that long, and tells nothing but this number. No
    body of a push reads like that text, so neither code serves for the other request.

What holds when facts are missing
    Never pushed: no room is known as a school room, so everything is allowed as without us. A
    server can have the module before it has a school, and the bridge pushes a room's fact before
    anybody is in that room but the bot.
    Pushed once: they are in the database and survive restarts of Synapse, with or without the
    bridge.
    Unreadable (damaged rows, failing database): whether a room is a school room cannot be known,
    so nobody but the bot makes a room, is invited or joins until they can be read again. What
    people write in rooms they are in goes on. A full push repairs damaged rows.
"""

from sferum_bridge.homeserver.module import SferumModule

__all__ = ["SferumModule"]
