"""`cdi serve`: the HTTP service until Ctrl-C."""

from typing import Annotated

import typer

from cdi.cli.installed import installed
from cdi.cli.terminal import HERE, Folder
from cdi.pipeline import Installation


def serve(
    folder: Folder = HERE,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that answer; about one a core.")] = 1,
) -> None:
    """Serve the API until Ctrl-C."""
    with installed(folder) as installation:
        if workers == 1:
            serve_alone(installation, announce=True)
        else:
            from cdi.cli import answering  # noqa: PLC0415  # see there

            answering.supervise(installation, workers)


def serve_alone(installation: Installation, *, announce: bool) -> None:
    """Answer in this process."""
    from cdi.cli import answering  # noqa: PLC0415  # it takes a second, which no other command should wait for

    answering.serve_alone(installation, announce=announce)
