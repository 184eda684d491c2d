"""The steps from one set of tables to the next, in order, as Alembic revisions.

`versions/` holds one file a step, named by its number; `env.py` is run by Alembic for each move.
Called through `store.migrate` only. A revision spells its tables out and imports nothing of ours:
it has to make the same tables in ten years, whatever `store.tables` says by then.
"""
