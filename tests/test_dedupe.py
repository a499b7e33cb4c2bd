"""One file in, its customers out: whatever the file looks like, the result is right or the error is clear."""

import contextlib
import csv
import json
import random
import sys
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cdi.cli import main
from cdi.dedupe import DedupeReport, DedupeRequest, dedupe
from cdi.errors import CdiError, InvalidInputError
from cdi.matching.model import default_model

GIVEN = [
    "Anna",
    "Bernd",
    "Clara",
    "Dieter",
    "Eva",
    "Frank",
    "Greta",
    "Heinz",
    "Ida",
    "Jens",
    "Karla",
    "Ludwig",
    "Maria",
    "Norbert",
    "Olga",
    "Paul",
    "Rosa",
    "Stefan",
]
FAMILY = [
    "Schuster",
    "Wagner",
    "Bauer",
    "Lehmann",
    "Krause",
    "Vogel",
    "Busch",
    "Kuhn",
    "Pohl",
    "Engel",
    "Horn",
    "Seidel",
    "Brandt",
    "Haas",
    "Graf",
    "Dietz",
]
STREETS = ["Hauptstraße", "Gartenweg", "Lindenallee", "Schulstraße", "Bergweg", "Ringstraße", "Mühlenweg", "Kirchplatz"]
CITIES = [("04880", "Dommitzsch"), ("70736", "Fellbach"), ("24568", "Kaltenkirchen"), ("94550", "Künzing")]


def population(customers: int, seed: int = 5) -> list[dict[str, str]]:
    """Each customer twice: once whole, once with an error and without a phone."""
    rng = random.Random(seed)
    rows = []
    for number in range(customers):
        given, family = rng.choice(GIVEN), rng.choice(FAMILY)
        code, city = rng.choice(CITIES)
        row = {
            "record_id": f"a{number}",
            "source": "shop",
            "Vorname": given,
            "Nachname": family,
            "Geburtsdatum": f"{rng.randint(1, 28):02}.{rng.randint(1, 12):02}.{rng.randint(1940, 2005)}",
            "Straße": f"{rng.choice(STREETS)} {rng.randint(1, 90)}",
            "PLZ": code,
            "Ort": city,
            "Handy": f"0151 {rng.randint(10**7, 10**8 - 1)}",
            "E-Mail": f"{given}.{family}{number}@example.org".lower(),
            "entity": str(number),
        }
        position = rng.randrange(len(family) - 1)
        typo = family[:position] + family[position + 1] + family[position] + family[position + 2 :]
        rows += [row, row | {"record_id": f"b{number}", "source": "webshop", "Nachname": typo, "Handy": ""}]
    return rows


def write_csv(path: Path, rows: list[dict[str, str]], delimiter: str = ",", encoding: str = "utf-8") -> Path:
    with path.open("w", newline="", encoding=encoding) as file:
        writer = csv.DictWriter(file, [c for c in rows[0] if c != "entity"], delimiter=delimiter, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_truth(path: Path, rows: list[dict[str, str]]) -> Path:
    lines = [f"{row['record_id']},{row['entity']}" for row in rows]
    path.write_text("record_id,entity_id\n" + "\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    return population(400)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("dedupe")


@pytest.fixture(scope="module")
def report(rows, folder) -> DedupeReport:
    return dedupe(
        DedupeRequest(
            records=write_csv(folder / "records.csv", rows),
            truth=write_truth(folder / "truth.csv", rows),
            out=folder / "out.csv",
        )
    )


def profiles(path: Path, delimiter: str = ",") -> list[str]:
    with path.open(newline="", encoding="utf-8") as file:
        return [row["profile_id"] for row in csv.DictReader(file, delimiter=delimiter)]


def partition(labels: list[str]) -> set[frozenset[int]]:
    return {frozenset(i for i, other in enumerate(labels) if other == label) for label in set(labels)}


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


# --- what comes out


def test_customers_are_found_and_measured(report):
    assert report.records == 800
    assert report.quality is not None
    assert report.quality.evaluation.pairwise.precision > 0.98
    assert report.quality.evaluation.pairwise.recall > 0.95
    assert report.quality.blocking_recall > 0.95
    assert report.model["origin"] == "trained on this file"
    assert report.peak_memory_mb > 10


def test_the_promised_object_is_printed_as_json(report):
    document = json.loads(json.dumps(report.as_json()))
    promised = {"records", "candidate_pairs", "profiles", "reviews", "largest_profile", "seconds", "peak_memory_mb"}
    assert promised | {"mapping", "model", "pairwise", "bcubed", "blocking_recall"} <= set(document)
    steps = {"read", "normalise", "block", "compare", "train", "score", "cluster", "total"}
    assert steps <= set(document["seconds"])
    assert set(document["pairwise"]) == set(document["bcubed"]) == {"precision", "recall", "f1"}


def test_output_is_the_input_with_profile_ids(report, rows, folder):
    with (folder / "out.csv").open(newline="", encoding="utf-8") as file:
        written = list(csv.DictReader(file))
    assert [row["record_id"] for row in written] == [row["record_id"] for row in rows]
    assert written[0]["PLZ"] == rows[0]["PLZ"]
    assert len({row["profile_id"] for row in written}) == report.profiles
    assert max(Counter(row["profile_id"] for row in written).values()) == report.largest_profile


def test_order_of_rows_does_not_matter(report, rows, folder):
    shuffled = random.Random(1).sample(rows, len(rows))
    dedupe(DedupeRequest(records=write_csv(folder / "shuffled.csv", shuffled), out=folder / "shuffled_out.csv"))

    def by_id(name: str, some: list[dict[str, str]]) -> set[frozenset[str]]:
        return {frozenset(some[i]["record_id"] for i in group) for group in partition(profiles(folder / name))}

    assert by_id("out.csv", rows) == by_id("shuffled_out.csv", shuffled)


def test_output_can_be_deduplicated_again_and_may_overwrite_its_input(report, rows, folder):
    again = folder / "again.csv"
    again.write_bytes((folder / "out.csv").read_bytes())
    dedupe(DedupeRequest(records=again, out=again))
    assert partition(profiles(again)) == partition(profiles(folder / "out.csv"))
    assert again.read_text(encoding="utf-8").splitlines()[0].count("profile_id") == 1


@pytest.mark.parametrize(("encoding", "delimiter"), [("cp1252", ";"), ("utf-8-sig", "\t"), ("utf-16", "|")])
def test_encoding_and_delimiter_are_found_out(report, rows, folder, encoding, delimiter):
    path = write_csv(folder / f"{encoding}.csv", rows, delimiter, encoding)
    dedupe(DedupeRequest(records=path, out=folder / "same.csv"))
    assert partition(profiles(folder / "same.csv", delimiter)) == partition(profiles(folder / "out.csv"))
    assert "Straße" in (folder / "same.csv").read_text(encoding="utf-8").splitlines()[0]


def test_two_encodings_in_one_file_are_both_read(rows, folder):
    lines = "Vorname;Ort\nJörg;Köln\n".encode() + "Günter;Künzing\n".encode("cp1252")
    dedupe(DedupeRequest(records=write(folder / "mixed.csv", lines), out=folder / "mixed_out.csv"))
    written = (folder / "mixed_out.csv").read_text(encoding="utf-8")
    assert "Jörg;Köln" in written
    assert "Günter;Künzing" in written


def test_parquet_is_read_and_written_as_text(report, rows, folder):
    columns = [c for c in rows[0] if c != "entity"]
    arrays = {c: [row[c] or None for row in rows] for c in columns}
    table = pa.table({**arrays, "PLZ": [int(row["PLZ"]) for row in rows]})
    pq.write_table(table, folder / "records.parquet")
    dedupe(DedupeRequest(records=folder / "records.parquet", out=folder / "out.parquet"))
    written = pq.read_table(folder / "out.parquet")
    assert written.column_names == [*columns, "profile_id", "household_id"]
    assert all(field.type == pa.string() for field in written.schema)


def test_several_processes_normalise_alike(report, folder, monkeypatch):
    monkeypatch.setattr("cdi.dedupe.MANY_RECORDS", 100)
    monkeypatch.setattr("cdi.dedupe.WORKERS", 2)
    monkeypatch.setattr("cdi.dedupe.CHUNK", 150)
    dedupe(DedupeRequest(records=folder / "records.csv", out=folder / "parallel.csv"))
    assert (folder / "parallel.csv").read_bytes() == (folder / "out.csv").read_bytes()


def test_records_without_ids_are_numbered(rows, folder):
    without = [{k: v for k, v in row.items() if k != "record_id"} for row in rows[:40]]
    assert dedupe(DedupeRequest(records=write_csv(folder / "no_ids.csv", without))).records == 40


def test_small_files_take_the_shipped_model_and_say_so(rows, folder):
    small = dedupe(DedupeRequest(records=write_csv(folder / "small.csv", rows[:40])))
    assert small.model["origin"] == "default"
    assert small.model["version"] == default_model().for_records(40).version


def test_a_given_model_is_used(rows, folder):
    (folder / "model.json").write_text(default_model().with_thresholds(0.7, 0.3).to_json())
    used = dedupe(DedupeRequest(records=write_csv(folder / "r.csv", rows), model=folder / "model.json"))
    assert used.model["origin"] == "file"
    assert (used.model["match"], used.model["review"]) == (0.7, 0.3)


def test_a_higher_threshold_joins_no_more(report, rows, folder):
    strict = dedupe(DedupeRequest(records=folder / "records.csv", threshold=0.999))
    assert strict.profiles >= report.profiles
    assert strict.model["match"] == 0.999


def test_ignored_columns_do_not_count(report, folder):
    without = dedupe(DedupeRequest(records=folder / "records.csv", ignore=("E-Mail", "Handy")))
    assert without.mapping["E-Mail"] is None
    assert without.candidate_pairs < report.candidate_pairs * 3


def test_a_mapping_file_says_what_columns_mean(folder):
    lines = ["key;a;b;job"] + [f"{i};{GIVEN[i % 18]};{FAMILY[i % 16]};{i}" for i in range(30)]
    records = write(folder / "odd.csv", "\n".join(lines))
    mapping = write(
        folder / "map.yaml",
        "key: record_id\na: name.given_name\nb: name.family_name\njob: {path: attributes.job, comparison: exact}\n",
    )
    mapped = dedupe(DedupeRequest(records=records, mapping=mapping)).mapping
    assert mapped == {"key": "record_id", "a": "name.given_name", "b": "name.family_name", "job": "attributes.job"}


def test_custom_attributes_count(folder):
    """Of customers that have nothing but a common name, the contract number tells who is who."""
    rng = random.Random(2)
    lines, truth = ["record_id,Vorname,Nachname,contract"], ["record_id,entity_id"]
    for customer in range(300):
        given, family, contract = rng.choice(GIVEN), rng.choice(FAMILY), rng.randint(10**6, 10**7)
        for copy in range(2):
            lines.append(f"{customer}-{copy},{given},{family},{contract}")
            truth.append(f"{customer}-{copy},{customer}")
    request = DedupeRequest(
        records=write(folder / "contracts.csv", "\n".join(lines)), truth=write(folder / "ct.csv", "\n".join(truth))
    )
    mapping = write(
        folder / "contracts.yaml",
        "Vorname: name.given_name\nNachname: name.family_name\n"
        "contract: {path: attributes.contract, comparison: exact}",
    )
    without = dedupe(request).as_json()["pairwise"]
    told = dedupe(DedupeRequest(records=request.records, truth=request.truth, mapping=mapping)).as_json()["pairwise"]
    assert told["f1"] > 0.97
    assert told["f1"] > without["f1"] + 0.1


def test_a_model_is_saved_and_used_again(report, rows, folder):
    dedupe(DedupeRequest(records=folder / "records.csv", save_model=folder / "saved.json"))
    again = dedupe(DedupeRequest(records=folder / "records.csv", model=folder / "saved.json"))
    assert (again.model["version"], again.profiles) == (report.model["version"], report.profiles)


def test_labels_are_read_and_never_make_it_worse(report, rows, folder):
    rng = random.Random(9)
    lines = ["left,right,verdict"]
    for _ in range(60):
        one, other = rng.sample(range(400), 2)
        lines += [f"a{one},b{one},match", f"b{one},a{other},no_match"]
    lines.append("a1,a2,unsure")
    labels = write(folder / "labels.csv", "\n".join(lines))
    request = DedupeRequest(records=folder / "records.csv", truth=folder / "truth.csv", labels=labels)
    learned = dedupe(request)
    assert learned.model["origin"] == "trained on this file, corrected by labels"
    assert learned.as_json()["pairwise"]["f1"] >= report.as_json()["pairwise"]["f1"] - 0.005


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("a,b\n", "needs the columns left, right and verdict"),
        ("left,right,verdict\na1,a2,maybe\n", "label 1 names an unknown record or verdict"),
        ("left,right,verdict\na1,b1,match\na1,zz,match\n", "label 2 names an unknown record or verdict"),
        ("left,right,verdict\na1,a1,match\n", "label 1 names an unknown record or verdict"),
        ("left,right,verdict\na1,b1,match\n", "1 labels of the same customer and 0 of others are too few"),
    ],
)
def test_labels_of_something_else_are_refused(report, folder, labels, message):
    request = DedupeRequest(records=folder / "records.csv", labels=write(folder / "wrong.csv", labels))
    with pytest.raises(InvalidInputError, match=message):
        dedupe(request)


@pytest.mark.parametrize("key", ["record_id", "entity_id"])
def test_households_are_measured_by_record_or_by_entity(report, rows, folder, key):
    """Everybody lives alone in this population."""
    names = sorted({row["entity" if key == "entity_id" else key] for row in rows})
    homes = {row["record_id"]: row["entity"] for row in rows}
    lines = [f"{key},household_id"] + [f"{name},h{homes.get(name, name)}" for name in names]
    measured = dedupe(
        DedupeRequest(
            records=folder / "records.csv",
            truth=folder / "truth.csv",
            truth_households=write(folder / "homes.csv", "\n".join(lines)),
        )
    ).as_json()["household_pairs"]
    assert measured["recall"] == 1.0


# --- bad input


HEADER = "record_id,Vorname,Nachname,Ort\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf\n \n", "is empty"),
        (b"\0\0\0\0", "is empty"),
        (HEADER.encode(), "has a header and no records"),
        (b"PK\x03\x04 and so on", "is compressed or an Excel file"),
        (b"PAR1 is not enough", "is a damaged Parquet file"),
        (b"colour\nred\nblue\n", "no column of .* is understood.*The columns are colour"),
        (b"record_id,source\n1,a\n2,b\n", "no column of .* is understood"),
        (b"name,name\na,b\n", "two columns are called 'name'"),
        (b"Vorname,Nachname\nA,B\nA,B,C\n", "line 3: 3 fields, but the header has 2"),
        (f"{HEADER}1,A,B,C\n2,A,B,C\n1,A,B,C\n".encode(), "records 1 and 3 have the same record_id"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, content, message):
    with pytest.raises(InvalidInputError, match=message) as error:
        dedupe(DedupeRequest(records=write(tmp_path / "records.csv", content)))
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InvalidInputError, match="cannot be read: No such file"):
        dedupe(DedupeRequest(records=tmp_path / "none.csv"))


@pytest.mark.parametrize(
    ("truth", "message"),
    [
        ("record_id,entity_id\nz,1\n", "no record_id of .* is in the records"),
        ("record_id,entity_id\n", "no record_id of .* is in the records"),
        ("id,entity\n1,2\n", "needs the columns record_id and entity_id"),
        ("record_id,entity_id\n1,a\n1,b\n", "entry 2 gives a second entity_id to one record_id"),
    ],
)
def test_a_truth_of_something_else_is_refused(tmp_path, truth, message):
    records = write(tmp_path / "r.csv", HEADER + "1,A,B,C\n2,A,B,C\n")
    with pytest.raises(InvalidInputError, match=message):
        dedupe(DedupeRequest(records=records, truth=write(tmp_path / "t.csv", truth)))


def test_a_truth_may_know_other_and_fewer_records(tmp_path):
    records = write(tmp_path / "r.csv", HEADER + "1,Anna,Schuster,Künzing\n2,Anna,Schuster,Künzing\n3,Eva,Graf,Ulm\n")
    truth = write(tmp_path / "t.csv", "record_id,entity_id\n1,x\n2,x\nelsewhere,y\n")
    quality = dedupe(DedupeRequest(records=records, truth=truth)).quality
    assert quality is not None
    assert (quality.evaluation.records, quality.unknown_ids) == (2, 1)


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ("", "holds no mapping"),
        ("a: [", "is not YAML"),
        ("Vorname: name.first", "'name.first' is not a canonical path"),
        ("Telefon: phones", "names the column 'Telefon', which"),
        ("Ort: {path: attributes.ort, comparison: roughly}", "what column 'Ort' means is not understood"),
        ("Ort: {path: addresses.city, comparison: text}", "addresses.city has its own comparison"),
    ],
)
def test_a_wrong_mapping_is_named(tmp_path, mapping, message):
    records = write(tmp_path / "r.csv", HEADER + "1,A,B,C\n")
    with pytest.raises(InvalidInputError, match=message):
        dedupe(DedupeRequest(records=records, mapping=write(tmp_path / "m.yaml", mapping)))


@pytest.mark.parametrize("threshold", [0.0, 1.0, -2.0, 7.0])
def test_a_threshold_is_a_probability(tmp_path, threshold):
    with pytest.raises(InvalidInputError, match="the threshold is a probability"):
        dedupe(DedupeRequest(records=tmp_path / "r.csv", threshold=threshold))


def test_an_unknown_column_cannot_be_ignored(tmp_path):
    with pytest.raises(InvalidInputError, match="no column 'ssn' to ignore"):
        dedupe(DedupeRequest(records=write(tmp_path / "r.csv", HEADER + "1,A,B,C\n"), ignore=("ssn",)))


def test_a_model_that_is_none_is_refused(tmp_path):
    records, model = write(tmp_path / "r.csv", HEADER + "1,A,B,C\n"), write(tmp_path / "m.json", "{}")
    with pytest.raises(InvalidInputError, match="not a model"):
        dedupe(DedupeRequest(records=records, model=model))


def test_records_of_nothing_stay_apart(tmp_path):
    nothing = dedupe(
        DedupeRequest(records=write(tmp_path / "r.csv", HEADER + "".join(f"{i},,,\n" for i in range(500))))
    )
    assert (nothing.profiles, nothing.candidate_pairs) == (500, 0)


def test_a_megabyte_in_a_field_costs_nothing(tmp_path, rows):
    long = [row | {"Nachname": "x" * 2**20} if i == 3 else row for i, row in enumerate(rows[:20])]
    assert dedupe(DedupeRequest(records=write_csv(tmp_path / "r.csv", long))).records == 20


def test_a_quote_that_is_never_closed_is_named(tmp_path):
    open_quote = HEADER + '1,"Anna,B,C\n' + "2,Eva,Graf,Ulm\n" * 1_200_000
    with pytest.raises(InvalidInputError, match="a quote that is opened and never closed"):
        dedupe(DedupeRequest(records=write(tmp_path / "r.csv", open_quote)))


@pytest.mark.parametrize(
    "customer",
    [
        "Anna,Schuster,Künzing",
        pytest.param("Anna,,", marks=pytest.mark.slow),
        pytest.param(",,Künzing", marks=pytest.mark.slow),
    ],
)
def test_many_identical_records_take_bounded_time(tmp_path, customer):
    lines = HEADER + "".join(f"{i},{customer}\n" for i in range(20_000))
    same = dedupe(DedupeRequest(records=write(tmp_path / "r.csv", lines)))
    assert same.records == 20_000
    assert same.candidate_pairs < 2_000_000


def test_a_row_of_commas_and_a_short_row_are_records_too(tmp_path):
    records = write(tmp_path / "r.csv", HEADER + "1,Anna,Graf,Ulm,,,\n2,Eva\n\n3,Olga,Haas,Ulm\n")
    assert dedupe(DedupeRequest(records=records, out=tmp_path / "o.csv")).records == 3
    assert (tmp_path / "o.csv").read_text().splitlines()[2].startswith("2,Eva,,,")


@pytest.mark.parametrize("seed", range(25))
def test_rubbish_is_refused_or_read_but_never_a_crash(tmp_path, seed):
    rng = random.Random(seed)
    rubbish = bytes(rng.choice(b'a1,;\t\n\r"\xff\xc3\xa4\x00 @') for _ in range(rng.randrange(400)))
    records = write(tmp_path / "r.csv", b"Vorname,Nachname,E-Mail\n" + rubbish)
    with contextlib.suppress(CdiError):
        dedupe(DedupeRequest(records=records, out=tmp_path / "o.csv"))


# --- the command


def run(monkeypatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["cdi", *arguments])
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_the_command_prints_one_object(tmp_path, rows, monkeypatch, capsys):
    records = write_csv(tmp_path / "r.csv", rows[:40])
    assert run(monkeypatch, "dedupe", str(records), "--json") == 0
    assert json.loads(capsys.readouterr().out)["records"] == 40


def test_the_command_tells_people_what_it_understood(tmp_path, rows, monkeypatch, capsys):
    records, truth = write_csv(tmp_path / "r.csv", rows[:40]), write_truth(tmp_path / "t.csv", rows[:40])
    assert run(monkeypatch, "dedupe", str(records), "--truth", str(truth)) == 0
    told = capsys.readouterr().out
    assert "name.given_name" in told
    assert "blocking recall" in told


def test_failure_is_one_line_and_wrong_usage_another_code(tmp_path, rows, monkeypatch, capsys):
    assert run(monkeypatch, "dedupe", str(tmp_path / "none.csv")) == 1
    told = capsys.readouterr()
    assert told.err.startswith("error: ")
    assert len(told.err.splitlines()) == 1
    assert told.out == ""
    assert run(monkeypatch, "dedupe") == 2
    assert run(monkeypatch, "dedupe", str(tmp_path / "none.csv"), "--seed", "many") == 2
