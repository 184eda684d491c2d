"""`sferum-bridge doctor`: is the homeserver set up so that the school's contour holds (S-44, S-14)?

`needs` says what homeserver.yaml has to say and why, once for the doctor and for the demo's own
Synapse; `files` reads the files as Synapse does. Each of `settings`, `extension`, `registrations`,
`doors` and `outbound` looks at one side of them, `running` asks the server itself. All of them give
`Finding`s (`report`), and `fix` makes what is wrong into YAML to paste. Nothing here writes a file,
changes a setting, or shows a secret: the values of settings that hold one are compared, not told.
"""
