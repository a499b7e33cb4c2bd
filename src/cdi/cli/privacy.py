"""`cdi privacy`: what data subjects ask for, for whoever answers for data protection."""

from typing import Annotated
from uuid import UUID

import typer

from cdi.cli.installed import installed
from cdi.cli.terminal import HERE, Folder, Json, print_json, print_table, when
from cdi.privacy import requests
from cdi.store.privacy_requests import RequestFilter

app = typer.Typer(help="What data subjects ask for: list, erase, restrict.", no_args_is_help=True)


@app.command("requests")
def list_requests(
    kind: Annotated[str | None, typer.Option(help="Only of this kind, such as erasure.")] = None,
    state: Annotated[str | None, typer.Option(help="Only in this state, such as asked.")] = None,
    profile: Annotated[UUID | None, typer.Option(help="Only about this profile.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    folder: Folder = HERE,
    as_json: Json = False,
) -> None:
    """What was asked, by whom, why, and what became of it, newest first."""
    with installed(folder) as installation, installation.database.unit_of_work() as connection:
        found = requests.list_requests(connection, RequestFilter(kind, state, profile), limit)
    if as_json:
        print_json({"requests": found})
        return
    rows = [
        (
            str(each["id"]),
            each["kind"],
            str(each["profile"] or "-"),
            each["ground"],
            each["state"],
            each["asked_by"],
            when(each["asked_at"]),
        )
        for each in found
    ]
    print_table("Privacy requests", ("id", "kind", "profile", "ground", "state", "asked by", "asked"), rows)
