"""The proof: the story of a school played over HTTP by a client that is not ours (matrix-nio).

`client` is one person with that client, `story` the stage: a demo of its own in a folder of its
own, the cast, and the lines that are printed; `play` gives the chapters their order. `rooms`,
`parents`, `relay` and `trouble` are the chapters. Only `sferum-bridge demo check` calls it, and
only where matrix-nio is installed.
"""
