"""`cdi audit`: the audit log's chain, proved."""

from typing import Annotated

import typer

from cdi import audit
from cdi.cli.installed import installed
from cdi.cli.terminal import HERE, Folder, Json, err, out, print_json
from cdi.clock import utc_now

app = typer.Typer(help="The audit log: prove it, print its head.", no_args_is_help=True)


@app.command()
def head(folder: Folder = HERE, as_json: Json = False) -> None:
    """Seal what waits, and print the hash of the last entry: keep it where nobody who can change the database can."""
    with installed(folder) as installation:
        number, digest = audit.sealed_head(installation.database)
    if as_json:
        print_json({"entries": number, "head": digest})
    else:
        out.print(digest, soft_wrap=True)


@app.command()
def verify(
    expected: Annotated[
        str | None, typer.Option("--head", metavar="HASH", help="What cdi audit head printed before.")
    ] = None,
    folder: Folder = HERE,
    as_json: Json = False,
) -> None:
    """Prove that no entry was changed, deleted, put in or moved; with --head, that what was sealed then stands."""
    wanted = None if expected is None else expected.strip().lower()
    with installed(folder) as installation, installation.database.unit_of_work() as connection:
        found = audit.verify(connection, wanted)
    age = (utc_now() - found.oldest_unsealed).total_seconds() if found.oldest_unsealed else 0.0
    if as_json:
        told = {"holds": found.holds, "entries": found.entries, "head": found.head, "faults": found.faults}
        print_json({**told, "unsealed": found.unsealed, "oldest_unsealed_seconds": round(age, 1)})
    else:
        for fault in found.faults:
            err.print(f"[red]{fault}[/red]")
        out.print(f"{found.entries} entries, head {found.head}", soft_wrap=True)
        if found.unsealed:
            out.print(f"{found.unsealed} are not sealed yet, the oldest for {age:.0f} seconds")
        out.print("the chain holds" if found.holds else "[red]the chain is broken[/red]")
    if not found.holds:
        raise typer.Exit(1)
