"""`cdi source`: wire in a source system."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.pretty import Pretty
from rich.table import Table
from rich.text import Text

from cdi import sources
from cdi.access import EVERYTHING, Caller, Role
from cdi.cli.installed import installed
from cdi.cli.terminal import HERE, Folder, Json, out, print_json, print_table

app = typer.Typer(help="Wire in a source system: list, check, preview, replay.", no_args_is_help=True)
OPERATOR = Caller("operator", Role.ADMIN, EVERYTHING)

Name = Annotated[str, typer.Argument(help="The source's name in cdi.yaml.")]


@app.command("list")
def list_sources(folder: Folder = HERE, as_json: Json = False) -> None:
    """The source systems of this deployment, with their data owners."""
    with installed(folder) as installation, installation.database.unit_of_work() as connection:
        found = sources.list_sources(connection, installation, OPERATOR)
    if as_json:
        print_json({"sources": found})
        return
    columns = ("name", "connector", "data_owner", "records", "rejected")
    print_table("Sources", columns, [[source[column] for column in columns] for source in found])


@app.command()
def check(name: Name, folder: Folder = HERE, as_json: Json = False) -> None:
    """Ask the source what must hold before it is trusted: reachable, authorised, as expected. Nothing is written."""
    with installed(folder, reading_sources=True) as installation:
        results = sources.check(installation, name)
    if as_json:
        print_json({"source": name, "checks": [asdict(result) for result in results]})
    else:
        for result in results:
            mark = Text("ok   ", "green") if result.ok else Text("WRONG", "red")
            out.print(mark, result.question, f"— {result.detail}" if result.detail else "", soft_wrap=True)
    if not all(result.ok for result in results):
        raise typer.Exit(1)


@app.command()
def preview(
    name: Name,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Records of each stream.")] = 5,
    folder: Folder = HERE,
    as_json: Json = False,
) -> None:
    """The first records, native beside canonical, and how full each attribute is. Nothing is written."""
    with installed(folder, reading_sources=True) as installation:
        found = sources.preview(installation, name, limit)
    if as_json:
        print_json(found.as_dict())
        return
    table = Table("stream", "native", "canonical", title=f"{name}: what it says, what we make of it", show_lines=True)
    for record in found.records:
        made = Pretty(record.canonical) if record.reason is None else Text(f"rejected: {record.reason}", "red")
        table.add_row(f"{record.stream}\n{record.key or 'no key'}", Pretty(record.native), made)
    out.print(table)
    for stream, rates in found.fill_rates().items():
        print_table(f"{stream}: filled", ("attribute", "share"), [(n, f"{rate:.0%}") for n, rate in rates.items()])


@app.command()
def replay(name: Name, folder: Folder = HERE, as_json: Json = False) -> None:
    """Try again what was rejected; what is taken is resolved by the next `cdi resolve` or `cdi run`."""
    with installed(folder, reading_sources=True) as installation:
        result = sources.replay(installation, name)
    if as_json:
        print_json({"source": name, **asdict(result)})
    else:
        out.print(f"{result.taken} records taken, {result.still_rejected} still rejected")
