"""From Matrix to the other network; `way` puts it together and is what `app` makes.

`outgoing` takes each stored event, as the `errand` that `routes` makes of it, and has it done by
`posting`, `changes`, `pinning` or `retrying`; `courier` speaks to the network, waits out its moods
(`waits`), and reads files through a `meter`. `reports` tells writers what became of their words,
`attention` passes on what is only of the moment. What an event is over there is pure: `to_network`,
`html`, `tags`, `splitting`.
"""
