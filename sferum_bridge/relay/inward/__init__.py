"""From the other network into Matrix; `way` puts it together and is what `app` makes.

Hearing: `incoming` listens, `history` brings what was missed, `names` who is who, `describing` what
clients are told of a linked room, `queueing` makes rows of what happened (`turn`: what one
transaction has looked up), `passing` tells at once what is only of the moment. Showing: `delivery`
carries rows out, by `speaking`, `revising`, `reacting` and, for files, `carrier`. How things look
is pure: `to_matrix`, `rich`, `wording`, `parts`.
"""
