"""`cdi privacy record-of-processing`: the record of processing activities (Art. 30)."""

import sys
from typing import Annotated, Literal

import typer

from cdi.cli.installed import installed
from cdi.cli.terminal import HERE, Folder, Json, print_json
from cdi.clock import utc_now
from cdi.privacy import processing


def record_of_processing(
    language: Annotated[Literal["de", "en"] | None, typer.Option(help="Of the headings; else the company's.")] = None,
    folder: Folder = HERE,
    as_json: Json = False,
) -> None:
    """Print the record of processing activities, from cdi.yaml, the keys and the webhooks: as Markdown, or JSON."""
    with installed(folder) as installation:
        spoken = language or installation.deployment.company.language
        with installation.database.unit_of_work() as connection:
            record = processing.record_of_processing(connection, installation, utc_now())
    if as_json:
        print_json(record)
    else:
        sys.stdout.write(processing.as_markdown(record, spoken))
