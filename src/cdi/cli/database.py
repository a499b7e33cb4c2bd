"""`cdi db`: the database behind an installation."""

from pathlib import Path
from typing import Annotated

import typer

from cdi.cli.installed import installed
from cdi.cli.terminal import HERE, Folder, out
from cdi.pipeline import open_installation
from cdi.privacy.erasing import reconcile
from cdi.settings import load_settings
from cdi.store.backup import backup as write_backup
from cdi.store.backup import restore as read_backup
from cdi.store.backup import shell as open_shell
from cdi.store.db import open_database
from cdi.store.db import upgrade as upgrade_schema

app = typer.Typer(help="The database: upgrade, url, shell, backup, restore.", no_args_is_help=True)


@app.command()
def upgrade(folder: Folder = HERE) -> None:
    """Bring the schema to this version."""
    with open_database(load_settings(folder)) as database:
        upgrade_schema(database)
    out.print("the schema is up to date")


@app.command()
def url(folder: Folder = HERE) -> None:
    """Print where the database is, while another cdi process keeps the private server running."""
    with open_database(load_settings(folder)) as database:
        out.print(database.url, soft_wrap=True)


@app.command()
def shell(folder: Folder = HERE) -> None:
    """Open psql on the database."""
    with installed(folder) as installation:  # which notes that somebody looks
        database = installation.database
        raise typer.Exit(open_shell(database.url))


@app.command()
def backup(file: Annotated[Path, typer.Argument(help="Where to write it.")], folder: Folder = HERE) -> None:
    """Write everything to one file."""
    with installed(folder) as installation:
        write_backup(installation.database.url, file)
    out.print(f"{file}: {file.stat().st_size / 2**20:.1f} MB")


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A file that `cdi db backup` wrote.")], folder: Folder = HERE
) -> None:
    """Read a backup into an empty database."""
    with open_database(load_settings(folder)) as database:
        read_backup(file, database.url)
        upgrade_schema(database)
    with open_installation(load_settings(folder)) as installation:
        again = reconcile(installation)
    out.print("restored" + (f"; {again} erasures were done again" if again else ""))
