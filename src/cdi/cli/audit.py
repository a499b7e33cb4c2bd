"""`cdi audit`: the audit log's chain, proved."""

from dataclasses import asdict
from typing import Annotated

import typer

from cdi import audit
from cdi.audit import Trail
from cdi.cli.installed import installed, operator
from cdi.cli.terminal import HERE, Folder, Json, err, out, print_json
from cdi.clock import utc_now
from cdi.errors import ConfigurationError

app = typer.Typer(help="The audit log: prove it, print its head, cut off what is old.", no_args_is_help=True)


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


@app.command()
def cut(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go; change nothing.")] = False,
    folder: Folder = HERE,
    as_json: Json = False,
) -> None:
    """Cut off what is older than retention.audit in cdi.yaml, at a sealed entry whose hash stays: what is left verifies
    as before. It may be killed and run again."""
    with installed(folder) as installation:
        kept = installation.deployment.retention.audit
        if kept is None:
            raise ConfigurationError(
                "cdi.yaml does not say how long the audit log is kept", remedy="Write retention: {audit: P5Y}"
            )
        now = utc_now()
        trail = Trail.of(operator(), audit.CUT, changes=True)
        found = audit.cut(installation.database, trail, kept.before(now), now, dry_run=dry_run)
    if as_json:
        print_json(asdict(found) if found else {"entries": 0})
    elif found is None:
        out.print(f"no entry is older than {kept}")
    else:
        out.print(f"{found.entries} entries {'would go' if dry_run else 'are cut off'}; the chain begins after")
        out.print(found.hash, soft_wrap=True)
