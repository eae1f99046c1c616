"""What a database's errors mean: lost, held by others, or the unit's own."""

from sqlalchemy.exc import DBAPIError, InterfaceError, InternalError, OperationalError

from toolwire.contracts.errors import ToolwireError
from toolwire.services.store.port import CommitUnknown, StoreAway

# postgresql.org/docs/current/errcodes-appendix.html
_SERIALIZATION_FAILURE, _DEADLOCK, _LOCK_NOT_AVAILABLE = "40001", "40P01", "55P03"
_CONTENDED = (_SERIALIZATION_FAILURE, _DEADLOCK, _LOCK_NOT_AVAILABLE)
_READ_ONLY = "25006"
_NO_RIGHT, _NO_SCHEMA = "42501", "3F000"
# A connection that is refused comes without those characters; a server that speaks another language is only
# asked for longer.
_REFUSALS = (
    "authentication failed",
    "no password supplied",
    "no pg_hba.conf entry",
    "is not permitted to log in",
    "permission denied for database",
    "does not exist",
    "does not support SSL",
)


def is_contended(error: Exception) -> bool:
    """Whether PostgreSQL refused because another transaction held a row. SQLite has one writer at a time."""
    return _state(error) in _CONTENDED


def is_lost(error: Exception) -> bool:
    """Whether the connection is of no more use: it broke, or its server has stopped taking writes."""
    return isinstance(error, DBAPIError) and (error.connection_invalidated or _state(error) == _READ_ONLY)


def is_unreachable(error: Exception) -> bool:
    """Whether the error is the database's, and no fault of the statement."""
    return isinstance(error, OperationalError | InterfaceError | InternalError)


def is_forbidden(error: Exception) -> bool:
    """Whether the database's user lacks a right."""
    return _state(error) in (_NO_RIGHT, _NO_SCHEMA)


def is_refused(away: StoreAway) -> bool:
    """Whether the database was reached and lets nobody in with what the URL says: waiting will not help."""
    return isinstance(away.__cause__, OperationalError) and any(why in str(away) for why in _REFUSALS)


def loss(error: Exception, *, committing: bool) -> ToolwireError:
    """The error that a caller hears of when the store was lost."""
    if isinstance(error, ToolwireError):
        return error
    if committing:
        told: StoreAway = CommitUnknown(
            f"the store was lost while committing; read again before going on: {reason_of(error)}"
        )
    else:
        told = StoreAway(f"the store could not be reached, and nothing was written: {reason_of(error)}")
    told.__cause__ = error
    return told


def _state(error: Exception) -> str | None:
    """PostgreSQL's five characters for what went wrong."""
    return getattr(error.orig, "sqlstate", None) if isinstance(error, DBAPIError) else None


def reason_of(error: Exception) -> str:
    """The database's own words, without the statement and its values."""
    said = str(error.orig) if isinstance(error, DBAPIError) else str(error)
    return said.strip().partition("\n")[0] or type(error).__name__
