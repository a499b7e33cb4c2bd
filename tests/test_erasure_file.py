"""The file of erasures outlives whoever dies while writing it, and says so when it is not what was written."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from cdi.errors import ConfigurationError
from cdi.privacy.erasure_file import append, read
from cdi.store.erasures import IDENTIFIER, RECORD, Erasure, Mark

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def erasure(number: int) -> Erasure:
    marks = [Mark(bytes([number]) * 16, RECORD), Mark(bytes([number, 1]) * 8, IDENTIFIER)]
    return Erasure(UUID(int=number), UUID(int=number + 100), "demanded", "key:anna", AT, b"key", marks)


def test_what_is_written_is_read_once_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "var" / "erasures.jsonl"
    assert read(path) == []
    append(path, [erasure(2), erasure(1)])
    append(path, [erasure(2)])
    append(path, [])
    assert read(path) == [erasure(2), erasure(1)]
    assert path.stat().st_mode & 0o077 == 0


def test_a_torn_line_is_left_out_and_what_follows_is_read(tmp_path: Path) -> None:
    path = tmp_path / "erasures.jsonl"
    append(path, [erasure(1), erasure(2)])
    whole = path.read_bytes()
    for cut in range(len(whole) // 2 + 1, len(whole)):
        path.write_bytes(whole[:cut])
        assert read(path) == [erasure(1)], cut
        append(path, [erasure(3)])
        assert read(path) == [erasure(1), erasure(3)], cut


def test_what_is_no_erasure_is_named(tmp_path: Path) -> None:
    path = tmp_path / "erasures.jsonl"
    append(path, [erasure(1)])
    path.write_bytes(b"nonsense\n" + path.read_bytes())
    with pytest.raises(ConfigurationError, match="line 1"):
        read(path)
