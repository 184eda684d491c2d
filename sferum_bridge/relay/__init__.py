"""Delivery between a linked chat and its room, both ways, in order, once.

`connections` holds the logins that are open, `inward` is the way from the network into Matrix,
`outward` the way back, `puppets` how each knows what the bridge said in a person's own name. Built
by `app`; talks to people only through texts it is given.
"""
