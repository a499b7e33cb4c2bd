"""`cdi export`: profiles and changes as files."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from cdi import exporting
from cdi.cli.installed import installed
from cdi.cli.terminal import HERE, Folder, Json, Steps, out, print_json, progress_bars
from cdi.errors import InvalidInputError
from cdi.exporting import Exported, Format, Since, Terms
from cdi.fields import FieldGroup
from cdi.pipeline import Installation

app = typer.Typer(help="Profiles and changes as files, whole or what became different.", no_args_is_help=True)

Formats = Annotated[str, typer.Option("--format", metavar="csv,jsonl,parquet", help="One or several.")]
Out = Annotated[Path, typer.Option("--out", help="The folder to write into.")]
SinceCursor = Annotated[
    int | None, typer.Option("--since", min=0, help="Only what became different after this cursor.")
]
State = Annotated[
    Path | None,
    typer.Option("--state", help="A file that remembers the cursor, so that the next export goes on there."),
]
Purpose = Annotated[str | None, typer.Option(help="What it is for: sources that may not be used for it are left out.")]
Sensitive = Annotated[bool, typer.Option("--sensitive", help="With the records of sensitive sources.")]
Owner = Annotated[str | None, typer.Option("--data-owner", help="Only profiles of this data owner.")]
Groups = Annotated[
    list[FieldGroup] | None,
    typer.Option("--group", help="A field group to be shown in full; without it all is masked."),
]


Export: TypeAlias = Callable[[Installation, Path, Sequence[Format], Terms, int | None, Steps], Exported]


@app.command()
def profiles(
    formats: Formats = "csv",
    to: Out = Path("exports"),
    since: SinceCursor = None,
    state: State = None,
    group: Groups = None,
    purpose: Purpose = None,
    sensitive: Sensitive = False,
    data_owner: Owner = None,
    folder: Folder = HERE,
    as_json: Json = False,
) -> None:
    """Every live profile, or those that became different. Values are masked unless their field group is named."""
    terms = Terms(group or (), purpose, sensitive, data_owner)
    _export(exporting.export_profiles, "profiles", formats, to, since, state, terms, folder, as_json)


@app.command()
def changes(
    formats: Formats = "csv",
    to: Out = Path("exports"),
    since: SinceCursor = None,
    state: State = None,
    purpose: Purpose = None,
    sensitive: Sensitive = False,
    data_owner: Owner = None,
    folder: Folder = HERE,
    as_json: Json = False,
) -> None:
    """The change feed: ids and names, never values."""
    terms = Terms((), purpose, sensitive, data_owner)
    _export(exporting.export_changes, "changes", formats, to, since, state, terms, folder, as_json)


@app.command()
def clear(folder: Folder = HERE) -> None:
    """Take whoever was erased, or is kept no longer, out of the files that were exported, as the worker does by
    itself."""
    with installed(folder) as installation, progress_bars() as progress:
        done = exporting.clear(installation, progress)
    out.print(done or "no row has to leave a file", highlight=False)


def _export(
    export: Export,
    what: str,
    formats: str,
    to: Path,
    since: int | None,
    state: Path | None,
    terms: Terms,
    folder: Path,
    as_json: bool,
) -> None:
    if since is not None and state is not None:
        raise InvalidInputError("--since and --state both say where to begin", remedy="Name one of them")
    told = f"{what}, {terms}"
    begin = since if state is None else exporting.since(state, told)
    with installed(folder) as installation, progress_bars() as progress:
        exported = export(installation, to, _formats(formats), terms, begin, progress)
    if state is not None:
        Since(exported.cursor, told).keep(state)
    if as_json:
        paths = {form: str(path) for form, path in exported.paths.items()}
        print_json({"files": paths, "rows": exported.rows, "since": begin, "cursor": exported.cursor})
        return
    for path in exported.paths.values():
        out.print(str(path), highlight=False, soft_wrap=True)
    out.print(f"{exported.rows} {what} ({terms}); the next export: --since {exported.cursor}", highlight=False)


def _formats(said: str) -> list[Format]:
    try:
        return list(dict.fromkeys(Format(word.strip()) for word in said.split(",")))
    except ValueError:
        raise InvalidInputError(
            "--format names one that there is not", remedy=f"Write one or several of {','.join(Format)}"
        ) from None
