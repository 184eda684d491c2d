"""Sferum, the Russian school messenger, brought to Matrix.

The house (docs/architecture.md): `school` holds the rules and knows no I/O; `roster`, `store`,
`network` and `matrix` touch files, the database, Sferum and the homeserver; `bot`, `relay` and
`web` serve people; `app` builds the parts; `cli` starts it, `demo` a whole school of it.
`homeserver` runs inside Synapse, `standin` plays Sferum for the demo and the tests; neither imports
the rest.
"""

__version__ = "0.1.0"
