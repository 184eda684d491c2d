"""What the bridge remembers: tables, migrations, and one module of functions an aggregate.

`database` opens PostgreSQL or SQLite and hands out transactions (`Tx`); the other modules are
plain functions that take a `Tx` first and do their part of one transaction. Called by `bot`,
`relay`, the workers of `matrix`, `web` and `cli`; imports only `school`.
"""
