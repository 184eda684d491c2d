"""The API methods, one file a topic; `registry` names them all.

Called by `web`. A method takes a `Call`, checks its parameters, lets `messenger` act, and returns
the JSON of `response`; it raises `ApiError` to be answered with an error. No method waits.
"""
