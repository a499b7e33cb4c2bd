"""`cdi user`: who may sit at the desk."""

from pathlib import Path
from typing import Annotated

import typer

from cdi import signing_in, users
from cdi.access import Role
from cdi.cli.installed import installed, operator
from cdi.cli.terminal import HERE, Folder, Json, err, out, print_json, print_table, when
from cdi.clock import utc_now
from cdi.errors import InvalidInputError
from cdi.fields import FieldGroup
from cdi.store import users as user_store

app = typer.Typer(help="Users of the desk: create, list, disable, sign in by link.", no_args_is_help=True)

PasswordFile = Annotated[Path | None, typer.Option(help="Where the password stands; without it you are asked.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="How they sign in: shown in the audit trail.")],
    role: Annotated[Role, typer.Option(help="What they may do: reader, steward, privacy or admin.")],
    group: Annotated[
        list[FieldGroup] | None, typer.Option(help="A field group shown in full to a reader; may be given often.")
    ] = None,
    owner: Annotated[list[str] | None, typer.Option(help="A steward's data owner; all if none is given.")] = None,
    sensitive: Annotated[bool, typer.Option("--sensitive", help="May see records of sensitive sources.")] = False,
    password_file: PasswordFile = None,
    no_password: Annotated[bool, typer.Option("--no-password", help="Signs in by link only: cdi user link.")] = False,
    folder: Folder = HERE,
) -> None:
    """Make a user of the desk."""
    password = None if no_password else _password(password_file)
    with installed(folder) as installation, installation.database.unit_of_work() as connection:
        installation.demand_owners(owner or ())
        signing_in.create_user(
            connection,
            name,
            role,
            utc_now(),
            password=password,
            groups=tuple(group or ()),
            owners=tuple(owner) if owner else None,
            sensitive=sensitive,
        )
    out.print(f"{name} may sign in now", soft_wrap=True)


@app.command("list")
def list_all(folder: Folder = HERE, as_json: Json = False) -> None:
    """All users, their roles and owners."""
    with installed(folder) as installation, installation.database.unit_of_work() as connection:
        found = users.list_users(connection, utc_now())
    if as_json:
        print_json({"users": found})
        return
    rows = [
        (u["name"], u["role"], ", ".join(u["owners"] or ["all"]), when(u["disabled_at"]) if u["disabled_at"] else "")
        for u in found
    ]
    print_table("Users", ("name", "role", "data owners", "disabled"), rows)


@app.command()
def change(
    name: Annotated[str, typer.Argument()],
    role: Annotated[Role, typer.Option(help="What they may do: reader, steward or admin.")],
    group: Annotated[
        list[FieldGroup] | None, typer.Option(help="A field group shown in full to a reader; may be given often.")
    ] = None,
    owner: Annotated[list[str] | None, typer.Option(help="A steward's data owner; all if none is given.")] = None,
    sensitive: Annotated[bool, typer.Option("--sensitive", help="May see records of sensitive sources.")] = False,
    folder: Folder = HERE,
) -> None:
    """Say anew what a user may do, from now on and in standing sessions too."""
    with installed(folder) as installation, installation.database.unit_of_work() as connection:
        users.change_rights(
            connection,
            installation,
            operator(),
            signing_in.named_user(connection, name),
            role=role,
            groups=tuple(group or ()),
            owners=tuple(owner) if owner else None,
            sensitive=sensitive,
        )
    out.print(f"{name} is {role} now", soft_wrap=True)


@app.command()
def disable(name: Annotated[str, typer.Argument()], folder: Folder = HERE) -> None:
    """Shut a user out, at once: their sessions and links end."""
    with installed(folder) as installation, installation.database.unit_of_work() as connection:
        users.disable(connection, operator(), signing_in.named_user(connection, name), utc_now())
    out.print(f"{name} is disabled", soft_wrap=True)


@app.command()
def enable(name: Annotated[str, typer.Argument()], folder: Folder = HERE) -> None:
    """Let a disabled user in again."""
    with installed(folder) as installation, installation.database.unit_of_work() as connection:
        users.enable(connection, signing_in.named_user(connection, name))
    out.print(f"{name} may sign in again", soft_wrap=True)


@app.command()
def password(name: Annotated[str, typer.Argument()], password_file: PasswordFile = None, folder: Folder = HERE) -> None:
    """Give a user a new password."""
    said = _password(password_file)
    with installed(folder) as installation, installation.database.unit_of_work() as connection:
        user_store.set_password(connection, signing_in.named_user(connection, name).id, signing_in.hashed(said))
    out.print(f"the password of {name} is changed", soft_wrap=True)


@app.command()
def link(name: Annotated[str, typer.Argument()], folder: Folder = HERE) -> None:
    """A link that signs this user in, once, within the hour."""
    with installed(folder) as installation, installation.database.unit_of_work() as connection:
        token = signing_in.issue_link(connection, name, utc_now())
    err.print("this link works once, within the hour:")
    out.print(signing_in.link_of(installation.settings.environment, token), soft_wrap=True)


def _password(file: Path | None) -> str:
    if file is None:
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    try:
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        raise InvalidInputError(f"the password file {file} cannot be read") from None
