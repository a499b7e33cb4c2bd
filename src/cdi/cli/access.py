"""`cdi key`: who may ask the API."""

from datetime import timedelta
from typing import Annotated

import typer

from cdi import keys
from cdi.access import Role
from cdi.cli.installed import installed
from cdi.cli.terminal import HERE, Folder, Json, err, out, print_json, print_table, when
from cdi.clock import utc_now
from cdi.errors import NotFoundError
from cdi.fields import FieldGroup
from cdi.keys import MadeKey, NewKey
from cdi.store.accounts import revoke_key

app = typer.Typer(help="API keys: create, list, rotate, revoke.", no_args_is_help=True)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Who uses it: shown in the audit trail.")],
    role: Annotated[Role, typer.Option(help="What it may do.")],
    group: Annotated[
        list[FieldGroup] | None, typer.Option(help="A field group shown in full to a reader; may be given often.")
    ] = None,
    owner: Annotated[list[str] | None, typer.Option(help="A steward's data owner; all if none is given.")] = None,
    source: Annotated[
        str | None, typer.Option(help="The one source that a connector pushes to, or whose customers links are for.")
    ] = None,
    sensitive: Annotated[bool, typer.Option("--sensitive", help="May see records of sensitive sources.")] = False,
    purpose: Annotated[
        list[str] | None, typer.Option(help="What it is for; may be given often; anything if none is given.")
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, help="Expires after so many days.")] = None,
    folder: Folder = HERE,
    as_json: Json = False,
) -> None:
    """Make an API key. It is shown this once; only its hash is kept."""
    with installed(folder) as installation, installation.database.unit_of_work() as connection:
        now = utc_now()
        wanted = NewKey(
            name,
            role,
            tuple(group or ()),
            tuple(owner) if owner else None,
            source,
            sensitive,
            tuple(purpose) if purpose else None,
            now + timedelta(days=days) if days else None,
        )
        made = keys.create(connection, installation, wanted, now)
    _show(made, as_json=as_json, name=name, role=role.value)


@app.command("list")
def list_keys(folder: Folder = HERE, as_json: Json = False) -> None:
    """Every key there is or was, newest first: what it allows and how it stands, never what it is."""
    with installed(folder) as installation, installation.database.unit_of_work() as connection:
        found = keys.list_keys(connection, utc_now())
    if as_json:
        print_json({"keys": found})
        return
    rows = [
        (
            str(key["id"]),
            key["name"],
            key["role"],
            key["status"],
            ", ".join(key["groups"]) or "-",
            when(key["expires_at"]) if key["expires_at"] else "never",
        )
        for key in found
    ]
    print_table("Keys", ("id", "name", "role", "status", "field groups", "expires"), rows)


@app.command()
def rotate(
    key_id: Annotated[int, typer.Argument(metavar="ID", help="Its id in cdi key list.")],
    hours: Annotated[float, typer.Option(min=0, max=720, help="How long the old one works still.")] = 0,
    folder: Folder = HERE,
    as_json: Json = False,
) -> None:
    """A new key in place of one that stands, with the same rights. It is shown this once."""
    with installed(folder) as installation, installation.database.unit_of_work() as connection:
        made = keys.rotate(connection, key_id, utc_now(), timedelta(hours=hours))
    _show(made, as_json=as_json)


@app.command()
def revoke(name: Annotated[str, typer.Argument()], folder: Folder = HERE) -> None:
    """Revoke every key of this name, at once."""
    with installed(folder) as installation, installation.database.unit_of_work() as connection:
        count = revoke_key(connection, name, utc_now())
    if not count:
        raise NotFoundError(f"no standing key is named {name}")
    out.print(f"{count} revoked")


def _show(made: MadeKey, *, as_json: bool, **more: str) -> None:
    if as_json:
        print_json({"id": made.key_id, **more, "key": made.key})
    else:
        err.print("this key is shown once; keep it where secrets are kept:")
        out.print(made.key, soft_wrap=True)
