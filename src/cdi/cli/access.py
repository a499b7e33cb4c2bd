"""`cdi key`: who may ask the API."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated

import typer

from cdi.access import Role
from cdi.auth import create_key
from cdi.cli.installed import installed
from cdi.cli.terminal import HERE, Folder, Json, err, out, print_json
from cdi.clock import utc_now
from cdi.errors import NotFoundError
from cdi.fields import FieldGroup
from cdi.pipeline import Installation
from cdi.store.accounts import revoke_key

app = typer.Typer(help="API keys: create, revoke.", no_args_is_help=True)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Who uses it: shown in the audit trail.")],
    role: Annotated[Role, typer.Option(help="What it may do.")],
    group: Annotated[
        list[FieldGroup] | None, typer.Option(help="A field group shown in full to a reader; may be given often.")
    ] = None,
    owner: Annotated[list[str] | None, typer.Option(help="A steward's data owner; all if none is given.")] = None,
    source: Annotated[str | None, typer.Option(help="The one source that a connector pushes to.")] = None,
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
        if source is not None:
            installation.source(source)
        must_be_owners(installation, owner or ())
        key = create_key(
            connection,
            name,
            role,
            now,
            groups=tuple(group or ()),
            owners=tuple(owner) if owner else None,
            source=source,
            sensitive=sensitive,
            purposes=tuple(purpose) if purpose else None,
            expires_at=now + timedelta(days=days) if days else None,
        )
    if as_json:
        print_json({"name": name, "role": role.value, "key": key})
    else:
        err.print("this key is shown once; keep it where secrets are kept:")
        out.print(key, soft_wrap=True)


def must_be_owners(installation: Installation, names: Iterable[str]) -> None:
    """Raises NotFoundError for a data owner that cdi.yaml does not have."""
    known = {owner.id for owner in installation.deployment.owners}
    for name in names:
        if name not in known:
            raise NotFoundError(f"there is no data owner {name}", remedy="cdi.yaml lists them under owners")


@app.command()
def revoke(name: Annotated[str, typer.Argument()], folder: Folder = HERE) -> None:
    """Revoke every key of this name, at once."""
    with installed(folder) as installation, installation.database.unit_of_work() as connection:
        count = revoke_key(connection, name, utc_now())
    if not count:
        raise NotFoundError(f"no standing key is named {name}")
    out.print(f"{count} revoked")
