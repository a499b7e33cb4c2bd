"""The pages say what is: every option is on its page, every example runs."""

import re
from pathlib import Path

import pytest
import typer

from cdi.cli import app
from cdi.normalise.headers import read_mapping

ROOT = Path(__file__).parent.parent
DEDUPE = (ROOT / "docs" / "dedupe.md").read_text(encoding="utf-8")
EVALUATION = (ROOT / "docs" / "evaluation.md").read_text(encoding="utf-8")


def examples(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


def test_every_option_is_described():
    command = typer.main.get_command(app).commands["dedupe"]  # type: ignore[attr-defined]  # a group has commands
    options = {option for parameter in command.params for option in parameter.opts if option.startswith("--")}
    assert options - {"--help"} <= set(re.findall(r"`(--[a-z-]+)", DEDUPE))


def test_the_example_of_a_mapping_is_one():
    (mapping,) = examples(DEDUPE, "yaml")
    assert len(read_mapping(mapping, "map.yaml")) == 8


def test_the_experiment_with_recordlinkage_runs(monkeypatch, capsys):
    if not (ROOT / "sample_data" / "data" / "callcentre").is_dir():
        pytest.skip("the sample company's call centre is not in this checkout")
    monkeypatch.chdir(ROOT)
    (example,) = examples(EVALUATION, "python")
    exec(compile(example, "docs/evaluation.md", "exec"), {})
    told = re.findall(r"(0\.\d+|1\.0)$", capsys.readouterr().out, re.MULTILINE)
    assert [float(figure) > 0.8 for figure in told] == [True, True]
