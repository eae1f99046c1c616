"""The steps from one release's tables to the next one's, carried out by Alembic: see `run`.

A step is a module of `versions` with Alembic's `revision`, its number, `down_revision` and `upgrade`.
Replicas of two releases share a store while they are upgraded one after the other. So a step only adds what
the release before does not mind (expand), and what nobody uses any more goes with a later one (contract).
Whoever writes a step raises `schema.SCHEMA_NUMBER`, and for one that contracts also `schema.OLDEST_BESIDE`.
"""
