"""A command is a thin door: it reads its arguments, calls one use case and prints the answer.

What went wrong and can be put right is one red line on stderr and exit code 1; wrong usage exits with 2. With
`--json` stdout carries one object and nothing else.
"""

import signal
import sys
from importlib.metadata import version
from typing import Annotated, Final, NoReturn

import typer
from rich.text import Text

from cdi.cli import (
    access,
    audit,
    database,
    dedupe,
    deployment,
    exports,
    models,
    privacy,
    processing,
    profiles,
    retention,
    service,
    sources,
    users,
    worker,
)
from cdi.cli.terminal import err, one_line
from cdi.collecting import collect_seldom
from cdi.errors import CdiError

INTERRUPTED: Final = 130
"""The exit code of a program that Ctrl-C ended."""

app = typer.Typer(
    name="cdi",
    help="Self-hosted identity resolution for customer data.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _tell_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cdi {version('cdi')}")
        raise typer.Exit


@app.callback()
def cdi(
    _version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Self-hosted identity resolution for customer data."""


for command in (
    deployment.init,
    deployment.run,
    deployment.sync,
    deployment.resolve,
    service.serve,
    worker.worker,
    deployment.status,
    deployment.doctor,
    retention.retention,
    profiles.show,
    profiles.why,
    dedupe.dedupe,
    models.train,
    models.evaluate,
    models.simulate,
):
    app.command()(command)
privacy.app.command()(processing.record_of_processing)
app.add_typer(sources.app, name="source")
app.add_typer(models.app, name="model")
app.add_typer(exports.app, name="export")
app.add_typer(access.app, name="key")
app.add_typer(users.app, name="user")
app.add_typer(privacy.app, name="privacy")
app.add_typer(audit.app, name="audit")
app.add_typer(database.app, name="db")


def main() -> None:
    """The program: exit code 0, 1 when a command failed, 2 for wrong usage, 130 when it was stopped."""
    collect_seldom()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # `kill` ends us as Ctrl-C does: what is open is closed
    try:
        app()
    except (CdiError, OSError) as error:
        for line in str(error).splitlines() or [type(error).__name__]:
            err.print(Text(f"error: {one_line(line)}", style="red"), soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        _stopped()
    except SystemExit as ended:
        if ended.code == INTERRUPTED:  # what Typer makes of Ctrl-C, without a word
            _stopped()
        raise


def _stopped() -> NoReturn:
    err.print(Text("stopped; it may be run again", style="yellow"))
    sys.exit(INTERRUPTED)
