"""A mapping that changes is applied to what has landed, without asking the source again; what it leaves alone stays."""

import sqlite3
from pathlib import Path

import pytest
from domain import ONE_TILL, assert_consistent, count, feed_of, profile_of
from sqlalchemy import text

from cdi.access import EVERYTHING, Caller, Role
from cdi.pipeline import Installation, remapping, resolve, sync
from cdi.push import Pushed, push
from cdi.sources import replay
from cdi.store.db import Database
from conftest import installation_of

MANIFEST = """
connector: till
title: Till
tables: {languages: {D: de, E: en}}
config: {mail_column: {default: mail}}
connection: {kind: sql, dsn: "sqlite:///till.db"}
streams:
  customers:
    kind: customer
    key: =nr
    query: select * from customer
    page: {keyset: [nr]}
    change: row_hash
    map:
      name: {given_name: =given, family_name: =family}
      emails: [{value: "={config.mail_column}"}]
  visits:
    kind: touchpoint
    key: =id
    query: select * from visit
    page: {keyset: [id]}
    cursor: {field: id, type: integer}
    map: {customer_key: =nr, type: visit, at: "=ts(at, 'UTC')", channel: shop}
"""


@pytest.fixture
def till(database: Database, tmp_path: Path) -> Installation:
    """A till with two customers that has been read; then it is switched off."""
    with sqlite3.connect(tmp_path / "till.db") as db:
        db.executescript("""
            create table customer (nr integer primary key, given text, family text, mail text, mail2 text, card text,
                state text);
            create table visit (id integer primary key, nr integer, at text, why text);
            insert into customer values (1, 'Ida', 'Groß', 'ida.gross@web.de', 'i.gross@gmx.de', 'K-1', 'ok'),
                (2, 'Udo', 'Klein', 'udo.klein@web.de', '', 'K-2', 'gone');
            insert into visit values (1, 1, '2026-11-01 10:00:00', 'Rückgabe');
        """)
    db.close()
    installation = rewired(tmp_path, database, MANIFEST)
    sync(installation, "till")
    resolve(installation)
    (tmp_path / "till.db").rename(tmp_path / "asleep.db")
    return installation


def rewired(folder: Path, database: Database, manifest: str) -> Installation:
    """The same company with this manifest."""
    (folder / "connectors" / "till").mkdir(parents=True, exist_ok=True)
    (folder / "connectors" / "till" / "connector.yaml").write_text(manifest, encoding="utf-8")
    (folder / "cdi.yaml").write_text(ONE_TILL, encoding="utf-8")
    return installation_of(folder, database)


def canonical(installation: Installation, key: str, stream: str = "customers") -> dict:
    with installation.database.unit_of_work() as connection:
        return connection.execute(
            text(
                "select v.canonical from record r join meaning v using (version_id)"
                " where r.key = :key and r.stream = :stream"
            ),
            {"key": key, "stream": stream},
        ).scalar_one()


def replayed(till: Installation, manifest: str) -> tuple[Installation, int]:
    now = rewired(till.folder, till.database, manifest)
    result = replay(now, "till")
    resolve(now)
    assert_consistent(now)
    return now, result.remapped


def test_a_new_field_reaches_the_profile_without_reading(till: Installation) -> None:
    before, cursor = profile_of(till, "till", "1"), len(feed_of(till))
    manifest = MANIFEST.replace(
        "      emails:", "      identifiers: [{type: loyalty_card, value: =card}]\n      emails:"
    )
    now, remapped = replayed(till, manifest)
    assert remapped == 2
    assert canonical(now, "1")["identifiers"] == [{"type": "loyalty_card", "value": "K-1"}]
    assert profile_of(now, "till", "1") == before
    assert {kind for kind, _ in feed_of(now)[cursor:]} == {"updated"}
    assert count(now, "record_version") == 3, "the source said nothing new"


def test_what_means_the_same_is_left_alone(till: Installation) -> None:
    cursor = len(feed_of(till))
    _, remapped = replayed(till, MANIFEST.replace("{given_name: =given,", "{given_name: =trim(given),"))
    assert remapped == 0
    assert len(feed_of(till)) == cursor


def test_touchpoints_follow(till: Installation) -> None:
    now, remapped = replayed(till, MANIFEST.replace("channel: shop", "channel: shop, subject: =why"))
    assert remapped == 1
    with now.database.unit_of_work() as connection:
        assert connection.execute(text("select document->>'subject' from touchpoint")).scalar_one() == "Rückgabe"


def test_a_setting_that_the_mapping_names_is_part_of_it(till: Installation) -> None:
    now, remapped = replayed(till, MANIFEST.replace("default: mail", "default: mail2"))
    assert remapped == 2
    assert canonical(now, "1")["emails"] == [{"value": "i.gross@gmx.de"}]


def test_another_key_moves_the_record(till: Installation) -> None:
    before = profile_of(till, "till", "1")
    now, remapped = replayed(till, MANIFEST.replace("    key: =nr", "    key: =card"))
    assert remapped == 2
    assert profile_of(now, "till", "1") is None
    assert profile_of(now, "till", "K-1") == before
    assert count(now, "record where kind = 'customer'") == 2


def test_records_that_have_one_key_now_are_one(till: Installation) -> None:
    now, _ = replayed(till, MANIFEST.replace("    key: =nr", "    key: \"=join('', ['all'])\""))
    assert count(now, "record where live and kind = 'customer'") == 1
    assert profile_of(now, "till", "all") is not None


def test_a_pushed_record_keeps_the_key_that_it_was_pushed_with(till: Installation) -> None:
    pushed = Pushed("P-9", {"nr": 9, "given": "Ada", "family": "Winter", "mail": "ada@web.de"})
    push(till, Caller("till", Role.ADMIN, EVERYTHING), "till", [pushed], wait=True)
    now, remapped = replayed(till, MANIFEST)
    assert remapped == 0
    assert profile_of(now, "till", "P-9") is not None


def test_what_the_manifest_now_takes_for_gone_is_gone(till: Installation) -> None:
    gone = "\n    deletes: [{mode: flag, when: state == 'gone'}]"
    now, remapped = replayed(till, MANIFEST.replace("change: row_hash", f"change: row_hash{gone}"))
    assert remapped == 1
    assert profile_of(now, "till", "2") is None
    assert profile_of(now, "till", "1") is not None


def test_what_is_left_out_now_is_gone_too(till: Installation) -> None:
    now, _ = replayed(till, MANIFEST.replace("change: row_hash", "change: row_hash\n    when: state != 'gone'"))
    assert profile_of(now, "till", "2") is None


def test_what_cannot_be_read_any_more_keeps_its_meaning_and_is_told(till: Installation) -> None:
    for _ in range(2):
        now, remapped = replayed(till, MANIFEST.replace("'UTC'", "'%d.%m.%Y', 'UTC'"))
        assert remapped == 0
        assert count(now, "touchpoint") == 1
        assert count(now, "rejected where resolved_at is null and stream = 'visits'") == 1
    right, _ = replayed(till, MANIFEST)
    assert count(right, "rejected where resolved_at is null") == 0


def test_the_next_sync_does_it_by_itself(till: Installation) -> None:
    (till.folder / "asleep.db").rename(till.folder / "till.db")
    manifest = MANIFEST.replace(
        "      emails:", "      identifiers: [{type: loyalty_card, value: =card}]\n      emails:"
    )
    now = rewired(till.folder, till.database, manifest)
    counts = sync(now, "till")
    assert (counts.versions, counts.unchanged) == (0, 3)
    assert canonical(now, "2")["identifiers"] == [{"type": "loyalty_card", "value": "K-2"}]
    assert remapping.remap_if_changed(now, "till") == remapping.Remapped()


def test_killed_half_way_it_begins_again(till: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mapping counts as applied only when all of it has been."""
    monkeypatch.setattr(remapping, "PAGE", 1)
    manifest = MANIFEST.replace(
        "      emails:", "      identifiers: [{type: loyalty_card, value: =card}]\n      emails:"
    )
    now = rewired(till.folder, till.database, manifest)
    whole, pages = remapping._remap_page, []

    def dies_at_the_second(installation: Installation, source: str, stream: str, keys: list[str]) -> remapping.Remapped:
        if pages:
            raise SystemExit("killed")
        pages.append(keys)
        return whole(installation, source, stream, keys)

    with monkeypatch.context() as patched, pytest.raises(SystemExit):
        patched.setattr(remapping, "_remap_page", dies_at_the_second)
        remapping.remap_if_changed(now, "till")
    assert remapping.remap_if_changed(now, "till").changed == 1
    assert canonical(now, "1")["identifiers"] and canonical(now, "2")["identifiers"]
