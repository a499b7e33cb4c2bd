"""A folder of files: every line counts once, a broken one hurts only itself, a newer file has the last word."""

import os
from datetime import UTC, datetime
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reading import context, declared, read

from cdi.errors import SourceError
from cdi.ingest.blueprint import CsvFormat
from cdi.ingest.broken import Broken
from cdi.ingest.contract import Record
from cdi.ingest.file_formats import read_file

CSV = """
connector: test
title: Test
config: {folder: {default: drop}}
connection: {kind: files, folder: "{config.folder}"}
streams:
  customers:
    kind: customer
    files: contacts-*.csv
    format: {type: csv, encoding: cp1252, delimiter: ";"}
    key: =Nr
    source_time: '=ts("Geändert", ''%d.%m.%Y %H:%M'', ''Europe/Berlin'')'
    map: {name: {family_name: =Name}}
"""
HEADER = "Nr;Name;Geändert\r\n"


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    folder = tmp_path / "drop"
    folder.mkdir()
    return folder


def put(folder: Path, name: str, text: str, encoding: str = "cp1252") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def test_windows_1252_with_german_times(tmp_path: Path, drop: Path) -> None:
    put(drop, "contacts-1.csv", HEADER + "K-1;Müller-Lüdenscheidt;31.12.1999 23:30\r\n007;Weiß – „Söhne“;\r\n")
    connector = declared(tmp_path, CSV)
    reading = read(connector, tmp_path)
    assert reading.keys == ["K-1", "007"]
    assert [connector.map("customers", r.data, {}) for r in reading.records] == [
        {"name": {"family_name": "Müller-Lüdenscheidt"}},
        {"name": {"family_name": "Weiß – „Söhne“"}},
    ]
    assert [r.source_time.isoformat() if r.source_time else None for r in reading.records] == [
        "1999-12-31T22:30:00+00:00",
        None,
    ]


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_quotes_delimiters_and_line_breaks_inside_of_values(tmp_path: Path, drop: Path, ending: str) -> None:
    lines = ["Nr;Name;Geändert", '1;"Müller; ""Sohn""";', '2;"zwei', 'Zeilen";', "3;drei;"]
    put(drop, "contacts-1.csv", ending.join(lines) + ending)
    reading = read(declared(tmp_path, CSV), tmp_path)
    assert [record.data["Name"] for record in reading.records] == ['Müller; "Sohn"', f"zwei{ending}Zeilen", "drei"]


def test_a_broken_line_is_rejected_with_its_place_and_the_rest_go_on(tmp_path: Path, drop: Path) -> None:
    put(drop, "contacts-1.csv", HEADER + "1;a;\r\n2;b\r\n;c;\r\n4;d;;;\r\n\r\n5;e;\r\n")
    reading = read(declared(tmp_path, CSV), tmp_path)
    assert reading.keys == ["1", "5"]
    assert [rejected.reason for rejected in reading.rejected] == [
        "contacts-1.csv, line 3: 2 fields where 3 are expected",
        "no key: what the manifest names as key is empty",
        "contacts-1.csv, line 5: 5 fields where 3 are expected",
    ]
    assert reading.rejected[0].data == {"file": "contacts-1.csv", "line": 3, "content": ["2", "b"]}


def test_a_quote_that_never_ends_swallows_nothing(tmp_path: Path, drop: Path) -> None:
    rows = "".join(f"{n};Name {n};\r\n" for n in range(3, 2000))
    put(drop, "contacts-1.csv", HEADER + '1;a;\r\n2;"b;\r\n' + rows)
    reading = read(declared(tmp_path, CSV), tmp_path)
    assert reading.keys == ["1", *[str(n) for n in range(3, 2000)]]
    (rejected,) = reading.rejected
    assert rejected.data["line"] == 3


def test_a_newer_file_has_the_last_word(tmp_path: Path, drop: Path) -> None:
    put(drop, "contacts-2.csv", HEADER + "1;neu;\r\n")
    put(drop, "contacts-1.csv", HEADER + "1;alt;\r\n")
    reading = read(declared(tmp_path, CSV), tmp_path)
    assert [record.data["Name"] for record in reading.records] == ["alt", "neu"]


def test_the_newer_file_may_be_told_by_its_time(tmp_path: Path, drop: Path) -> None:
    for name, content, modified in [("contacts-1.csv", "neu", 2_000_000_000), ("contacts-2.csv", "alt", 1_000_000_000)]:
        os.utime(put(drop, name, HEADER + f"1;{content};\r\n"), (modified, modified))
    reading = read(declared(tmp_path, CSV.replace("key: =Nr", "key: =Nr\n    order: time")), tmp_path)
    assert [record.data["Name"] for record in reading.records] == ["alt", "neu"]


def test_what_was_read_is_not_read_again_and_a_new_file_is(tmp_path: Path, drop: Path) -> None:
    connector = declared(tmp_path, CSV)
    put(drop, "contacts-1.csv", HEADER + "1;a;\r\n")
    first = read(connector, tmp_path)
    os.utime(drop / "contacts-1.csv", (1, 1))
    assert read(connector, tmp_path, state=first.state).keys == []
    put(drop, "contacts-2.csv", HEADER + "2;b;\r\n")
    second = read(connector, tmp_path, state=first.state)
    assert second.keys == ["2"]
    assert read(connector, tmp_path, state=second.state).keys == []


def test_a_file_that_changed_is_read_again_with_all_that_come_after_it(tmp_path: Path, drop: Path) -> None:
    connector = declared(tmp_path, CSV)
    for number in (1, 2, 3):
        put(drop, f"contacts-{number}.csv", HEADER + f"1;Stand {number};\r\n")
    first = read(connector, tmp_path)
    put(drop, "contacts-2.csv", HEADER + "1;Stand 2 korrigiert;\r\n")
    reading = read(connector, tmp_path, state=first.state)
    assert [record.data["Name"] for record in reading.records] == ["Stand 2 korrigiert", "Stand 3"]


def test_each_file_may_be_committed_by_itself(tmp_path: Path, drop: Path) -> None:
    put(drop, "contacts-1.csv", HEADER + "1;a;\r\n")
    put(drop, "contacts-2.csv", "Nr;Nachname;Geändert\r\n2;b;\r\n")
    connector = declared(tmp_path, CSV)
    state = None
    with pytest.raises(SourceError, match=r"contacts-2\.csv has no column Name"):
        for event in connector.read({}, "customers", None, context(tmp_path)):
            state = getattr(event, "state", state)
    assert state is not None
    assert list(state["files"]) == ["contacts-1.csv"]
    put(drop, "contacts-2.csv", HEADER + "2;b;\r\n")
    assert read(connector, tmp_path, state=state).keys == ["2"]


def test_of_snapshots_only_the_newest_counts_and_what_is_missing_there_is_gone(tmp_path: Path, drop: Path) -> None:
    connector = declared(tmp_path, CSV.replace("key: =Nr", "key: =Nr\n    snapshot: true"))
    put(drop, "contacts-1.csv", HEADER + "1;a;\r\n2;b;\r\n")
    first = read(connector, tmp_path)
    assert first.full_scan
    put(drop, "contacts-2.csv", HEADER + "2;b;\r\n3;c;\r\n")
    second = read(connector, tmp_path, state=first.state)
    assert second.keys == ["2", "3"]
    assert second.full_scan
    third = read(connector, tmp_path, state=second.state)
    assert third.keys == []
    assert not third.full_scan


def test_a_snapshot_with_an_unreadable_line_concludes_nothing(tmp_path: Path, drop: Path) -> None:
    connector = declared(tmp_path, CSV.replace("key: =Nr", "key: =Nr\n    snapshot: true"))
    put(drop, "contacts-1.csv", HEADER + "1;a;\r\n2;b\r\n")
    reading = read(connector, tmp_path)
    assert reading.keys == ["1"]
    assert not reading.full_scan


def test_without_snapshots_nothing_is_ever_concluded_from_absence(tmp_path: Path, drop: Path) -> None:
    put(drop, "contacts-1.csv", HEADER + "1;a;\r\n")
    assert not read(declared(tmp_path, CSV), tmp_path).full_scan


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path, drop: Path) -> None:
    put(drop, "contacts-1.csv", HEADER + "1;Müller 🎉\u200b;\r\n", "utf-8-sig")
    reading = read(declared(tmp_path, CSV.replace("cp1252", "utf-8")), tmp_path)
    assert reading.keys == ["1"]
    assert reading.records[0].data["Name"] == "Müller 🎉\u200b"


@pytest.mark.parametrize(
    ("stated", "true", "told"),
    [
        ("utf-8", "cp1252", r"contacts-1\.csv is not utf-8\. State its true encoding"),
        ("cp1252", "utf-8", r"contacts-1\.csv is UTF-8, not cp1252"),
        ("cp850", "utf-8", r"contacts-1\.csv is UTF-8, not cp850"),
        ("klingon", "cp1252", r"klingon is no known encoding"),
    ],
)
def test_a_wrong_encoding_is_told_and_not_guessed(
    tmp_path: Path, drop: Path, stated: str, true: str, told: str
) -> None:
    put(drop, "contacts-1.csv", HEADER + "1;Müller;\r\n", true)
    with pytest.raises(SourceError, match=told) as failure:
        read(declared(tmp_path, CSV.replace("cp1252", stated)), tmp_path)
    assert "Müller" not in str(failure.value)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("contacts-1.csv", "Nr;Name\r\n1;a\r\n", r"contacts-1\.csv has no column Geändert"),
        ("contacts-1.csv", "", r"contacts-1\.csv is empty"),
        ("contacts-1.csv", "Nr;Name;Name;Geändert\r\n", r"contacts-1\.csv names the column Name twice"),
        ("other.csv", "x", r"stream customers: no file contacts-\*\.csv in drop"),
    ],
)
def test_a_file_that_does_not_fit_is_told_with_a_remedy(
    tmp_path: Path, drop: Path, name: str, content: str, told: str
) -> None:
    put(drop, name, content)
    with pytest.raises(SourceError, match=f"source quelle: .*{told}") as failure:
        read(declared(tmp_path, CSV), tmp_path)
    assert failure.value.remedy
    results = declared(tmp_path, CSV).check({}, context(tmp_path))
    assert [result.ok for result in results] == [True, False]


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="the folder drop does not exist"):
        read(declared(tmp_path, CSV), tmp_path)
    (result,) = declared(tmp_path, CSV).check({}, context(tmp_path))
    assert not result.ok


def test_a_file_that_is_taken_away_while_the_folder_is_read_is_told(tmp_path: Path, drop: Path) -> None:
    for month in ("1", "2"):
        put(drop, f"contacts-{month}.csv", HEADER + f"{month};a;\r\n")
    events = declared(tmp_path, CSV).read({}, "customers", None, context(tmp_path))
    assert isinstance(next(events), Record)
    (drop / "contacts-2.csv").unlink()
    with pytest.raises(SourceError, match=r"contacts-2\.csv cannot be read any more .*the next run goes on"):
        list(events)


def test_a_column_may_be_optional(tmp_path: Path, drop: Path) -> None:
    put(drop, "contacts-1.csv", "Nr;Name\r\n1;a\r\n")
    connector = declared(tmp_path, CSV.replace("key: =Nr", "key: =Nr\n    optional: [Geändert]"))
    assert read(connector, tmp_path).keys == ["1"]


def test_a_file_is_taken_once_its_marker_lies_beside_it(tmp_path: Path, drop: Path) -> None:
    connector = declared(tmp_path, CSV.replace("key: =Nr", "key: =Nr\n    marker: .done"))
    put(drop, "contacts-1.csv", HEADER + "1;a;\r\n")
    assert read(connector, tmp_path).keys == []
    assert connector.check({}, context(tmp_path))[-1].detail == "0 files, 1 not finished yet"
    put(drop, "contacts-1.csv.done", "")
    assert read(connector, tmp_path).keys == ["1"]


def test_a_file_that_was_just_written_is_left_for_later(tmp_path: Path, drop: Path) -> None:
    connector = declared(tmp_path, CSV.replace("key: =Nr", "key: =Nr\n    settle: PT5M"))
    path = put(drop, "contacts-1.csv", HEADER + "1;a;\r\n")
    moment = context(tmp_path).now.timestamp()
    os.utime(path, (moment - 10, moment - 10))
    assert read(connector, tmp_path).keys == []
    os.utime(path, (moment - 600, moment - 600))
    assert read(connector, tmp_path).keys == ["1"]


JSON_LINES = """
connector: test
title: Test
connection: {kind: files, folder: drop}
streams:
  customers:
    kind: consent
    files: leads.jsonl
    format: {type: jsonl}
    each: answers
    key: [=id, =each.box]
    map: {customer_key: =id, purpose: =each.box, status: "=choose(each.on, 'granted', 'denied')"}
"""


def test_json_lines_with_several_records_in_each(tmp_path: Path, drop: Path) -> None:
    lines = [
        '{"id": "1", "answers": [{"box": "news", "on": true}, {"box": "phone", "on": false}]}',
        '{"id": "2", "answers": []}',
        '{"id": "3"}',
        "{broken",
        "[1, 2]",
        "",
        '{"id": "4", "answers": [{"box": "news", "on": "yes"}]}',
    ]
    put(drop, "leads.jsonl", "\n".join(lines), "utf-8")
    connector = declared(tmp_path, JSON_LINES)
    reading = read(connector, tmp_path)
    assert reading.keys == ["1/news", "1/phone", "4/news"]
    assert [connector.map("customers", r.data, {})["status"] for r in reading.records] == [
        "granted",
        "denied",
        "granted",
    ]
    assert [r.reason for r in reading.rejected] == [
        "leads.jsonl, line 4: is not JSON",
        "leads.jsonl, line 5: is no JSON object",
    ]


def test_a_json_document_with_its_records_inside(tmp_path: Path, drop: Path) -> None:
    text = CSV.replace('{type: csv, encoding: cp1252, delimiter: ";"}', "{type: json, records: data.people}")
    connector = declared(tmp_path, text.replace("contacts-*.csv", "people.json"))
    put(drop, "people.json", '{"data": {"people": [{"Nr": "1", "Name": "Müller"}, 5]}}', "utf-8")
    reading = read(connector, tmp_path)
    assert reading.keys == ["1"]
    assert len(reading.rejected) == 1
    put(drop, "people.json", '{"data": {"people": [{"Nr"', "utf-8")
    with pytest.raises(SourceError, match="is not JSON"):
        read(connector, tmp_path)


def test_xml_with_attributes_lists_and_namespaces(tmp_path: Path, drop: Path) -> None:
    text = CSV.replace('{type: csv, encoding: cp1252, delimiter: ";"}', "{type: xml, record: Kunde}")
    text = text.replace("contacts-*.csv", "people.xml").replace("key: =Nr", 'key: ="@nr"')
    text = text.replace("{family_name: =Name}", '{family_name: =Name, given_name: "=Tel[1].text"}')
    connector = declared(tmp_path, text)
    document = """<?xml version="1.0" encoding="ISO-8859-1"?>
    <x:Export xmlns:x="urn:x"><Kopf>2</Kopf>
      <x:Kunde nr="007"><Name>Müller &amp; Söhne</Name><Tel art="m">030</Tel><Tel art="f">040</Tel></x:Kunde>
      <x:Kunde nr="8"><Name/></x:Kunde><x:Kunde/>
    </x:Export>"""
    put(drop, "people.xml", document, "latin-1")
    reading = read(connector, tmp_path)
    assert reading.keys == ["007", "8"]
    assert len(reading.rejected) == 1
    native = reading.records[0].data
    assert connector.map("customers", native, {}) == {"name": {"family_name": "Müller & Söhne", "given_name": "040"}}


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ('<!DOCTYPE x [<!ENTITY a "aaaa">]><x><Kunde nr="1"/></x>', "declares a document type"),
        ('<x><Kunde nr="1"></x>', r"is no well-formed XML \(line 1\)"),
        ("<Kunde>" * 200, "nests too deeply"),
        ("", "is no well-formed XML"),
    ],
)
def test_xml_that_is_dangerous_or_broken_is_refused(tmp_path: Path, drop: Path, document: str, told: str) -> None:
    text = CSV.replace('{type: csv, encoding: cp1252, delimiter: ";"}', "{type: xml, record: Kunde}")
    put(drop, "people.xml", document)
    with pytest.raises(SourceError, match=told):
        read(declared(tmp_path, text.replace("contacts-*.csv", "people.xml")), tmp_path)


EXCEL = CSV.replace('{type: csv, encoding: cp1252, delimiter: ";"}', "{type: excel, sheet: Kontakte, skip: 1}")
EXCEL = EXCEL.replace("contacts-*.csv", "people.xlsx").replace("''%d.%m.%Y %H:%M'', ", "")


def workbook(path: Path, *rows: tuple[object, ...], sheet: str = "Kontakte") -> None:
    book = openpyxl.Workbook()
    book.create_sheet(sheet)
    for row in rows:
        book[sheet].append(row)
    book.save(path)


def test_excel_becomes_text(tmp_path: Path, drop: Path) -> None:
    workbook(
        drop / "people.xlsx",
        ("Export vom 1.3.",),
        ("Nr", "Name", "Geändert", None),
        (1, "Müller", datetime(2026, 3, 1, 14, 5)),
        ("007", 4711.0, None),
        (None, None, None),
        (3, "x", "y", "z"),
        (None, "ohne Nummer"),
    )
    reading = read(declared(tmp_path, EXCEL), tmp_path)
    assert reading.keys == ["1", "007"]
    assert [r.data for r in reading.records] == [
        {"Nr": "1", "Name": "Müller", "Geändert": "2026-03-01 14:05:00"},
        {"Nr": "007", "Name": "4711", "Geändert": ""},
    ]
    assert [r.reason.partition(": ")[0] for r in reading.rejected] == ["people.xlsx, line 6", "no key"]


def test_excel_that_does_not_fit_is_told(tmp_path: Path, drop: Path) -> None:
    workbook(drop / "people.xlsx", ("x",), ("Nr", "Nachname", "Geändert"))
    with pytest.raises(SourceError, match=r"people\.xlsx has no column Name"):
        read(declared(tmp_path, EXCEL), tmp_path)
    workbook(drop / "people.xlsx", ("x",), ("Nr", "Name", "Geändert"), sheet="Tabelle1")
    with pytest.raises(SourceError, match=r"has no sheet Kontakte\. There are Sheet, Tabelle1"):
        read(declared(tmp_path, EXCEL), tmp_path)
    put(drop, "people.xlsx", "Nr;Name")
    with pytest.raises(SourceError, match="is no Excel workbook"):
        read(declared(tmp_path, EXCEL), tmp_path)


def test_parquet(tmp_path: Path, drop: Path) -> None:
    text = CSV.replace('{type: csv, encoding: cp1252, delimiter: ";"}', "{type: parquet}")
    connector = declared(tmp_path, text.replace("contacts-*.csv", "people.parquet"))
    columns = {"Nr": [7, None], "Name": ["Müller", "Meier"], "Geändert": [datetime(2026, 3, 1, tzinfo=UTC), None]}
    pq.write_table(pa.table(columns), drop / "people.parquet")
    reading = read(connector, tmp_path)
    assert reading.keys == ["7"]
    assert len(reading.rejected) == 1
    assert reading.records[0].data["Geändert"] == "2026-03-01T00:00:00+00:00"
    put(drop, "people.parquet", "PAR1")
    with pytest.raises(SourceError, match="is no Parquet file"):
        read(connector, tmp_path)


cells = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"), max_size=8)


@settings(max_examples=60)
@given(rows=st.lists(st.lists(cells, min_size=3, max_size=3), max_size=8))
def test_every_table_that_a_correct_writer_writes_is_read_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]
) -> None:
    path = tmp_path_factory.mktemp("csv") / "table.csv"
    quoted = [";".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in [["a", "b", "c"], *rows]]
    path.write_text("\r\n".join(quoted) + "\r\n", encoding="utf-8", newline="")
    read_rows = [
        list(row.values()) if not isinstance(row, Broken) else row
        for row in read_file(path, CsvFormat(type="csv", delimiter=";"))
    ]
    assert read_rows == rows
