"""A whole school on one machine: the homeserver, the bridge and the stand-in as processes.

`school` starts and stops all of it in order; `folder` is where it lives, `parts` how each process
is set up, `people` who gets an account and who plays which part, `sferum` the stand-in's chat,
`words` what is said in Russian and English, `check/` the proof. `processes` starts and stops any
child process, `synapse` a real Synapse from a folder. The command line's `demo` and the tests use
these; nothing else of the project may.
"""
