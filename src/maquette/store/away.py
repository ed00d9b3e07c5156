"""Which of the driver's errors are nobody's fault: the database is away, or cannot do this now."""

from collections.abc import Mapping

import asyncpg

from maquette.domain.errors import Unavailable

#: What the driver raises when the server is away, restarting or refusing. Its silence is a ``TimeoutError``, an ``OSError``.
CONNECTION_ERRORS = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a statement that meets a connection on which the server just said goodbye
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
)
#: Here the server is well, and busy with somebody else's lock.
CONTENTION = (asyncpg.TransactionRollbackError, asyncpg.LockNotAvailableError)
_AWAY = "The database is away."
_SILENT = "The database has not answered in time."
#: By SQLSTATE, the longest beginning that fits (PostgreSQL, Appendix A). What stands nowhere is the statement's or the
#: value's own fault (22, 23, 42, …) and stays what it is.
_REASONS: Mapping[str, str] = {
    "08": _AWAY,
    "25006": "The database is read-only at the moment.",
    "25P03": _SILENT,  # a time-out of the server's for transactions
    "25P04": _SILENT,
    "28": "The database does not let this server in.",
    "3D": "The database is not there.",
    "40": "Others were in the way.",
    "53": "The database is short of resources.",
    "53100": "The disk of the database is full.",
    "53300": "The database takes no more connections.",
    "55P03": "Others were in the way.",
    "57": _AWAY,
    "57014": _SILENT,  # canceled: by its own time-out or by an administrator
    "57P03": "The database is starting or stopping.",
    "58": "The database has trouble with its files.",
    "F0": "The database has trouble with its files.",
    "XX": "The database has failed.",
}
_STEPS = (5, 2)


def reason(sqlstate: str) -> str | None:
    """Return what to tell callers of an SQLSTATE, None when it is no matter of waiting."""
    return next((_REASONS[sqlstate[:size]] for size in _STEPS if sqlstate[:size] in _REASONS), None)


def refused(error: Exception) -> Unavailable:
    """Return what callers are told when there is no connection to be had, whatever the reason."""
    return unavailable(error) or Unavailable(_REASONS["28"], retry_after_seconds=1)


def unavailable(error: BaseException) -> Unavailable | None:
    """Return what callers are told of an error: try again soon; None when that would not help."""
    said = None
    if isinstance(error, TimeoutError):
        said = _SILENT
    elif isinstance(error, asyncpg.InvalidCachedStatementError):
        said = "The schema has just changed."
    elif isinstance(error, asyncpg.PostgresError):
        said = reason(error.sqlstate or "")
    elif isinstance(error, CONNECTION_ERRORS):
        said = _AWAY
    return None if said is None else Unavailable(said, retry_after_seconds=1)
