"""`python -m bench [WHAT]`: speed, accuracy, labels, organisations, service, load, serving, desk, retention, erasure
or all."""

import argparse
import shlex
import sys
from pathlib import Path

from bench import accuracy, desk, erasure, labelled, organisations, retention, service, serving, speed

DATA = Path("../shared/data")


def main() -> None:
    """Measure, print, and write bench/RESULTS.md."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure cdi; results go to bench/RESULTS.md")
    choices = (
        "speed", "accuracy", "labels", "organisations", "service", "load", "serving", "desk", "retention", "erasure",
        "all",
    )  # fmt: skip
    parser.add_argument("which", nargs="?", choices=choices, default="all")
    parser.add_argument("--size", type=int, nargs="+", default=[10_000, 100_000], help="records to generate")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=1, help="runs of each engine, in alternation; the median counts")
    parser.add_argument("--data", type=Path, default=DATA, help="a folder of labelled files")
    parser.add_argument("--file", nargs="*", default=["de_customers_200k"], help="files of it to compare speed on")
    parser.add_argument(
        "--deployment",
        type=Path,
        help="for serving, desk, retention, erasure: a folder with many profiles; for service: one that it or"
        " load made; for load: a new one, to be kept",
    )
    arguments = parser.parse_args()
    command = shlex.join(["python", "-m", "bench", *_without_paths(sys.argv[1:])])
    if arguments.which == "load":
        for size in arguments.size:
            service.measure_load(size, arguments.seed, command, arguments.deployment)
    if arguments.which == "service":
        for size in arguments.size:
            if arguments.deployment is None:
                service.measure(size, arguments.seed, command)
            else:
                service.measure_pushes(arguments.deployment, size, arguments.seed, command)
    if arguments.which in {"serving", "desk", "retention", "erasure"}:
        _deployed(parser, arguments, command)
    if arguments.which in {"speed", "all"}:
        _speed(arguments, command)
    if arguments.which in {"accuracy", "labels", "organisations", "all"}:
        _accuracy(arguments, command)


def _deployed(parser: argparse.ArgumentParser, arguments: argparse.Namespace, command: str) -> None:
    if arguments.deployment is None:
        parser.error("this needs --deployment DIR, a folder that `cdi sync` and `cdi resolve` have filled")
    if arguments.which == "serving":
        serving.measure(arguments.deployment, arguments.seed, command)
    elif arguments.which == "desk":
        desk.measure(arguments.deployment, arguments.seed, command)
    elif arguments.which == "erasure":  # what these remove is gone: give them a copy
        erasure.measure(arguments.deployment, arguments.size[0], arguments.seed, command)
    else:
        retention.measure(arguments.deployment, arguments.size[0], arguments.seed, command)


def _speed(arguments: argparse.Namespace, command: str) -> None:
    for size in arguments.size:
        speed.measure_generated(size, arguments.seed, arguments.repeat, command)
    for name in arguments.file:
        if (arguments.data / name).is_dir():
            speed.measure_file(name, arguments.data / name, arguments.repeat, command)
        else:
            print(f"skipped: there is no {name} in the folder of labelled files (--data)", file=sys.stderr)


def _accuracy(arguments: argparse.Namespace, command: str) -> None:
    if not arguments.data.is_dir():
        print("skipped: there is no folder of labelled files (--data)", file=sys.stderr)
        return
    if arguments.which in {"accuracy", "all"}:
        accuracy.measure(arguments.data, command)
    if arguments.which in {"labels", "all"}:
        labelled.measure(arguments.data, command)
    if arguments.which in {"organisations", "all"}:
        organisations.measure(arguments.data, command)


def _without_paths(arguments: list[str]) -> list[str]:
    return ["…" if "/" in argument else argument for argument in arguments]


if __name__ == "__main__":
    main()
