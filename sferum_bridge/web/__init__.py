"""What the bridge shows over HTTP beside the endpoints of `matrix.appservice`.

`invite` is the page a parent's invite link opens, `link` that of a call or a broadcast (`letting`
decides for whom), `pupil` the one a pupil's opens. `entrance` is what the first two share to sign
in on: `parts` and `link_parts` are their HTML, `signin` asks the homeserver who somebody is.
`pages` is what all share, with `session` for whose browser it is and `limits` for how often
something may fail. `status` tells an operator (and the demo) how the bridge is; `server_log` keeps
addresses out of the log. Built by `app`. Nothing here changes anything on GET (I-4).
"""
