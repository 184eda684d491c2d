"""Delivery between a linked chat and its room, both ways, in order, once.

`connections` holds the logins that are open. `inward` is the way from the network into Matrix:
`incoming` listens and queues what is heard, `delivery` shows it, `to_matrix` says how it looks.
`outward` is the way back: `outgoing` handles what people write in linked rooms, `courier` brings it
over, `to_network` says what it is there. Built by `app`; talks to people only through texts it is
given.
"""
