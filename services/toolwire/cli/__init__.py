"""The `toolwire` command.

`commands` is the whole command line: options, and which function they start. The functions live in files of
their own, imported only when it is theirs to work, so that `toolwire call` never waits for SQLAlchemy.
"""
