"""What the database reports may quote a customer: here it becomes names and codes, and its text stays behind."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from cdi.errors import DatabaseError


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


def _described(error: BaseException | None) -> DatabaseError:
    if not isinstance(error, psycopg.Error):
        return DatabaseError(f"the database failed: {type(error).__name__}")
    if error.sqlstate is None or error.sqlstate.startswith(("08", "57P")):
        return _unreachable(error)
    if error.sqlstate.startswith("28") or error.sqlstate == "3D000":
        remedy = "Check user, password and database in CDI_DATABASE_URL"
        return DatabaseError(f"the database refuses us ({_kind(error)})", remedy=remedy)
    place = ".".join(
        part for part in (error.diag.table_name, error.diag.constraint_name or error.diag.column_name) if part
    )
    return DatabaseError(f"the database refused a statement ({_kind(error)}{' on ' + place if place else ''})")


def _unreachable(error: psycopg.Error) -> DatabaseError:
    remedy = "Check that the server runs and that CDI_DATABASE_URL names it"
    return DatabaseError(f"the database cannot be reached ({_kind(error)})", remedy=remedy)


def _kind(error: psycopg.Error) -> str:
    return f"{type(error).__name__}, {error.sqlstate}" if error.sqlstate else type(error).__name__
