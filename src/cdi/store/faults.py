"""What the database reports may quote a customer: here it becomes names and codes, and its text stays behind."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from cdi.errors import CdiError, DatabaseError, InvalidInputError

CHECK_URL = "Check that the server runs and what CDI_DATABASE_URL says"


@contextmanager
def errors_without_values() -> Iterator[None]:
    """Turn what the database reports into DatabaseError, keeping names and codes and dropping its text."""
    try:
        yield
    except DBAPIError as error:
        raise _described(error.orig) from None
    except SQLAlchemyError as error:
        raise DatabaseError(f"the database failed: {type(error).__name__}") from None
    except psycopg.Error as error:
        raise _described(error) from None


NO_TEXT = {None, "22021", "22P05"}
"""What psycopg (NUL) and PostgreSQL say of a character that no text can hold."""


def _described(error: BaseException | None) -> CdiError:
    if not isinstance(error, psycopg.Error):
        return DatabaseError(f"the database failed: {type(error).__name__}")
    if isinstance(error, psycopg.DataError) and error.sqlstate in NO_TEXT:
        return InvalidInputError("a text holds a character that cannot be stored", remedy="Leave out NUL")
    if isinstance(error, psycopg.OperationalError) and (error.sqlstate or "57P").startswith(("08", "57P")):
        return _unreachable(error)
    if isinstance(error, psycopg.errors.DiskFull):
        remedy = "Make room there; what was not committed is read again by the next run"
        return DatabaseError("the disk of the database is full", remedy=remedy)
    if error.sqlstate is None:
        return DatabaseError(f"the database driver refused ({type(error).__name__})", remedy=CHECK_URL)
    place = [error.diag.table_name, error.diag.constraint_name or error.diag.column_name]
    where = " on " + ".".join(filter(None, place)) if any(place) else ""
    return DatabaseError(f"the database refused a statement ({type(error).__name__}, {error.sqlstate}{where})")


def _unreachable(error: psycopg.Error) -> DatabaseError:
    """In what libpq says of a connection there are names of hosts, roles and databases, but no value of a row."""
    lines = [line.strip() for line in str(error).splitlines()]
    reasons = [line.rpartition("failed: ")[2] for line in lines if line and not line.startswith("Is the server")]
    return DatabaseError(f"the database cannot be reached: {'; '.join(dict.fromkeys(reasons))[:300]}", remedy=CHECK_URL)
