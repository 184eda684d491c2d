"""A database that is away for a while: restarting, out of reach, or too busy to answer in time.

It is waited for, however long; nothing else is tried again blindly.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterator

    from sqlalchemy import URL


def is_away(error: Exception) -> bool:
    """Tell whether an error means that the database is away, not that a statement was wrong.

    A group, of tasks that worked side by side, does where each of its errors does.
    """
    if isinstance(error, ExceptionGroup):
        return all(is_away(each) for each in error.exceptions)
    wrong = (IntegrityError, ProgrammingError, DataError)
    # A TimeoutError, when no connection was free in time, is an OSError.
    return isinstance(error, OSError | DBAPIError) and not isinstance(error, wrong)


def is_unusable(error: Exception) -> bool:
    """Tell whether an error means that there is no such database, or that it lets nobody in."""
    return is_away(error) or type(error).__module__.startswith("asyncpg.")


class Unreachable(Exception):
    """A database cannot be used: its server does not answer or lets nobody in, or it has no file.

    Says so without the words of the error, which may quote what is secret.
    """

    def __init__(self, address: URL, error: Exception) -> None:
        cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
        where = address.database or ""
        if address.get_backend_name() != "sqlite":
            at = f"{address.host or ''}:{address.port or ''}".strip(":")
            where = f"{where} at {at or 'this machine'}"
        super().__init__(
            f"The database {where} cannot be used ({type(cause.__cause__ or cause).__name__}). "
            "Start its server, or correct database.url, and run the command again."
        )


@contextmanager
def outlasting(log: logging.Logger, what: str) -> Iterator[None]:
    """Outlast a database that is away: that is logged, and what stands inside ends there.

    `what` says what waits, as the beginning of a sentence. Every other error passes through.
    """
    try:
        yield
    except Exception as e:
        if not is_away(e):
            raise
        log.warning("%s waits for the database: %s", what, type(e).__name__)
