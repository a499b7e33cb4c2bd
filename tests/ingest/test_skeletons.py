"""A new connector begins with a file that loads as it is."""

import re
from pathlib import Path

import pytest
from reading import declared

from cdi.errors import InvalidInputError
from cdi.ingest.skeleton import KINDS, skeleton


@pytest.mark.parametrize("kind", KINDS)
def test_a_skeleton_loads(tmp_path: Path, kind: str) -> None:
    connector = declared(tmp_path, skeleton("kasse", kind))
    assert connector.name == "kasse"
    assert [stream.name for stream in connector.streams()] == ["customers"]
    assert connector.map("customers", {"first_name": "Erika"}, {}) == {"name": {"given_name": "Erika"}}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_commented_out_loads_too(tmp_path: Path, kind: str) -> None:
    lines = [re.sub(r"^( *)# ", r"\1", line) for line in skeleton("k", kind).splitlines()]
    text = "\n".join(lines).replace("change: row_hash", "")  # a cursor takes its place
    assert declared(tmp_path, text).streams()


def test_an_unknown_kind_is_told_with_those_that_exist() -> None:
    with pytest.raises(InvalidInputError, match="There are files, sql, rest, webhook"):
        skeleton("kasse", "soap")
