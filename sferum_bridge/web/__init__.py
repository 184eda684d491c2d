"""What the bridge shows over HTTP beside the endpoints of `matrix.appservice`.

`invite` is the page an invite link opens, `status` tells an operator (and the demo) how the bridge
is. Built by `app`. Nothing here changes anything on GET (I-4).
"""
