"""How commands speak: tables and bars for people, one JSON object for programs, one red line for what went wrong."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from cdi.clock import utc_now

out = Console(emoji=False)
err = Console(stderr=True, emoji=False)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
_COMMAND: ContextVar[str] = ContextVar("command", default="")


def command_words() -> str:
    """The words of the command that runs, without what was given to it: `key create`; empty outside of one."""
    return _COMMAND.get()


def _remember_command(context: typer.Context, folder: Path) -> Path:
    words: list[str] = []
    at: Any = context
    while at.parent is not None:
        words.insert(0, at.info_name or "")
        at = at.parent
    _COMMAND.set(" ".join(words))
    return folder


Folder = Annotated[
    Path,
    typer.Option(
        "--dir",
        envvar="CDI_DIR",
        help="The deployment folder, the one with cdi.yaml.",
        show_default=".",
        callback=_remember_command,
    ),
]
HERE = Path()

Steps: TypeAlias = Callable[[str, int, int], None]
"""Called with a step, how much of it is done and how much there is (0: nobody knows)."""


def one_line(text: str) -> str:
    """Text without line breaks."""
    return " ".join(text.split())


def print_json(document: Mapping[str, Any]) -> None:
    """One object on stdout, unadorned."""
    text = orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS, default=str)
    sys.stdout.write(text.decode() + "\n")


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Rows under their columns; numbers to the right."""
    table = Table(title=title, title_justify="left", title_style="bold")
    for n, column in enumerate(columns):
        numeric = all(isinstance(row[n], int | float) for row in rows) and bool(rows)
        table.add_column(column, justify="right" if numeric else "left")
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    out.print(table)


def when(moment: datetime | str | None) -> str:
    """A time for people."""
    if moment is None:
        return "never"
    parsed = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return parsed.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def span(seconds: float | None) -> str:
    """A length of time for people: its largest unit."""
    if seconds is None:
        return ""
    for length, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def ago(moment: datetime | str) -> str:
    """How long ago that is, for people."""
    parsed = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return f"{span((utc_now() - parsed).total_seconds())} ago"


def until(moment: datetime | str | None) -> str:
    """How long it is until then, for people."""
    if moment is None:
        return ""
    parsed = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    seconds = (parsed - utc_now()).total_seconds()
    return f"in {span(seconds)}" if seconds > 0 else "due"


class Taking:
    """Progress that is passed on, and how long each step took: from when it was first told of to the next one."""

    def __init__(self, tell: Steps) -> None:
        self._tell = tell
        self._taken: dict[str, float] = {}
        self._step, self._since = "", time.perf_counter()

    def __call__(self, step: str, done: int, total: int) -> None:
        if step != self._step:
            self._note()
            self._step = step
        self._tell(step, done, total)

    def seconds(self) -> dict[str, float]:
        """Seconds by step."""
        self._note()
        return {step: round(taken, 2) for step, taken in self._taken.items() if step}

    def _note(self) -> None:
        now = time.perf_counter()
        self._taken[self._step] = self._taken.get(self._step, 0.0) + now - self._since
        self._since = now


@contextmanager
def progress_bars() -> Iterator[Steps]:
    """One bar a step, on stderr, where a person is watching."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bars:
        tasks = {}

        def report(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=None)
            if total or done:
                bars.update(tasks[step], completed=done, total=total or None)

        yield report
