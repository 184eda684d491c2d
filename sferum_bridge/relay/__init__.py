"""Delivery between a linked chat and its room, both ways, in order, once.

`connections` holds the logins that are open, `incoming` listens to them and queues what they hear,
`outgoing` handles what people write in linked rooms, `convert` says how a message looks on the
other side. Built by `app`; talks to people only through texts it is given.
"""
