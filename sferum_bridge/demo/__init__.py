"""A whole school on one machine: the homeserver, the bridge and the stand-in as processes.

`processes` starts and stops any child process, `synapse` a real Synapse from a folder. The command
line's `demo` and the tests use them; nothing else of the project may.
"""
