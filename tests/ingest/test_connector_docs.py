"""The page on connectors tells the truth: its examples load, and everything that a manifest may say is on it."""

import re
from pathlib import Path

import pytest
from reading import declared

from cdi.ingest import blueprint
from cdi.ingest.manifest import load_connector
from cdi.ingest.mapping import PARTS
from cdi.ingest.transforms import functions
from cdi.settings import bundled

PAGE = Path(__file__).parents[2] / "docs" / "connectors.md"
TEXT = PAGE.read_text(encoding="utf-8")
EXAMPLES = [block for block in re.findall(r"```yaml\n(.*?)```", TEXT, re.S) if block.startswith("connector:")]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: text.splitlines()[0])
def test_an_example_loads(tmp_path: Path, example: str) -> None:
    assert declared(tmp_path, example).streams()


@pytest.mark.parametrize("name", sorted(functions({})))
def test_every_function_is_explained(name: str) -> None:
    assert re.search(rf"`{name}\b", TEXT)


@pytest.mark.parametrize("path", sorted(bundled("connectors").glob("*/connector.yaml")), ids=lambda p: p.parent.name)
def test_every_shipped_connector_is_listed_with_its_maturity(path: Path) -> None:
    connector = load_connector(path)
    assert re.search(rf"\| `{connector.name}` \|.*\| {connector.maturity}", TEXT)


STREAMS = (blueprint.HttpStream, blueprint.FilesStream, blueprint.SqlStream)
WORDS = {name for kind in PARTS.values() for name in kind} | {name for part in STREAMS for name in part.model_fields}


@pytest.mark.parametrize("word", sorted(WORDS - {"kind", "key", "map", "request", "query", "records", "page"}))
def test_every_word_of_a_stream_is_on_the_page(word: str) -> None:
    assert re.search(rf"\b{word}\b", TEXT)
