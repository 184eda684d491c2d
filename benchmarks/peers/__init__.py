"""Other bridges, measured beside ours: on the same Synapse, in the same run, message by message.

They are no dependencies of the project. `installed` puts each into an environment of its own below
the user's cache, from PyPI; where that cannot be, or the IRC server is missing, the figures say
"not run" and why. `heisenbridge` is a whole: its other side is an IRC server and real clients of
it. `telegram` has no other side that could be had without Telegram, so `telethon_stub`, which runs
in that peer's environment and not in ours, replaces its client library by a line to us. A `guest`
is whom a peer knows in Matrix; `measuring` holds the figures.
"""
