"""Every figure is written down by the script that measured it, with what is needed to measure it again."""

import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import psutil

FILE = Path(__file__).with_name("RESULTS.md")
HEADER = "# Results\n\nWritten by `python -m bench`; the newest stands last.\n"


def machine() -> str:
    """Cores and memory: enough to judge a figure, too little to find the machine."""
    memory = psutil.virtual_memory().total / 2**30
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (
        f"{cores} cores, {memory:.0f} GB, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    )


def commit() -> str:
    """The commit that was measured, with a plus where files differ from it."""

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], capture_output=True, text=True, check=False).stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no", "--", "src", "bench", ":!bench/RESULTS.md")
    return (git("rev-parse", "--short=12", "HEAD") or "no commit") + ("+" if changed else "")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def write(title: str, command: str, seed: int | None, body: str) -> None:
    """Append a section and print it."""
    facts = [
        f"- measured {datetime.now(UTC):%Y-%m-%d}, commit `{commit()}`",
        f"- command `{command}`" + (f", seed {seed}" if seed is not None else ""),
        f"- machine: {machine()}",
    ]
    section = f"\n## {title}\n\n" + "\n".join(facts) + f"\n\n{body}\n"
    if not FILE.exists():
        FILE.write_text(HEADER, encoding="utf-8")
    with FILE.open("a", encoding="utf-8") as file:
        file.write(section)
    print(section)
