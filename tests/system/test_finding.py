"""Finding profiles: by any identifier however it is written, by words, parts of words and their sound; page by page;
and nothing by what a caller may not see."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from domain import email, home, person, profile_of, push
from fastapi.testclient import TestClient
from sqlalchemy import text

from cdi.access import Role
from cdi.fields import FieldGroup
from cdi.pipeline import Installation
from conftest import SMALL_COMPANY, Doors, copy_of, installation_of

ANNA = person(
    "Anna",
    "Müller",
    "1975-03-05",
    emails=email("anna.mueller@gmx.de"),
    phones=[{"value": "+491724981375"}],
    addresses=home("Lindenweg", "5", "50667", "Köln"),
    identifiers=[{"type": "loyalty_card", "value": "7001-22 33"}, {"type": "iban", "value": "DE89370400440532013000"}],
)
JENS = person("Jens", "Müllermann", "1981-12-24", addresses=home("Marktstraße", "12", "20095", "Hamburg"))
ILSE = person("Ilse", "Möhler", "1952-08-17", addresses=home("Anger", "3", "01067", "Dresden"))


PEOPLE = {"anna": ANNA, "jens": JENS, "T-4711": ILSE}


@pytest.fixture(scope="module")
def people(server_url: str, migrated_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A company that all tests of this file read, and none changes."""
    folder = tmp_path_factory.mktemp("people")
    (folder / "cdi.yaml").write_text(SMALL_COMPANY, encoding="utf-8")
    with copy_of(server_url, migrated_template) as database:
        installation = installation_of(folder, database)
        for key, record in PEOPLE.items():  # one after the other, so that the order of ids is known
            push(installation, "till", {key: record})
        yield installation


@pytest.fixture
def changing(company: Installation) -> Installation:
    """The same, for a test's own changes."""
    push(company, "till", PEOPLE)
    return company


@pytest.fixture(scope="module")
def reader(people: Installation) -> TestClient:
    return Doors(people).as_(Role.READER, *FieldGroup)


def found(client: TestClient, **asked: Any) -> list[str]:
    """The keys of the first record of each profile, in the order of the answer."""
    answer = client.get("/v1/profiles", params=asked)
    assert answer.status_code == 200, answer.text
    return [profile["records"][0]["key"] for profile in answer.json()["profiles"]]


@pytest.mark.parametrize(
    "asked",
    [
        {"email": "Anna.Mueller@GMX.de"},
        {"phone": "0172 / 498 13 75"},
        {"phone": "+49 (172) 4981375"},
        {"identifier": "loyalty_card:70012233"},
        {"identifier": "iban:de89 3704 0044 0532 0130 00"},
        {"source": "till", "key": "anna"},
        {"email": "anna.mueller@gmx.de", "phone": "01724981375", "data_owner": "central"},
    ],
)
def test_any_identifier_finds_its_carrier_however_it_is_written(reader: TestClient, asked: dict[str, str]) -> None:
    assert found(reader, **asked) == ["anna"]


@pytest.mark.parametrize(
    "asked",
    [
        {"email": "nobody@gmx.de"},
        {"email": "no address"},
        {"phone": "12"},
        {"identifier": "loyalty_card:1"},
        {"identifier": "iban:DE00"},
        {"email": "anna.mueller@gmx.de", "phone": "+4930123456"},
        {"q": "nobody"},
        {"q": "anna hamburg"},
        {"q": "---"},
        {"q": "%"},
        {"q": "a_na"},
        {"q": "~ ~65"},
        {"email": "anna.mueller@gmx.de", "data_owner": "online"},
    ],
)
def test_what_nobody_carries_finds_nobody(reader: TestClient, asked: dict[str, str]) -> None:
    assert found(reader, **asked) == []


@pytest.mark.parametrize(
    "typed,keys",
    [
        ("mueller köln 1975", ["anna"]),
        ("KÖLN, Müller", ["anna"]),
        ("müll", ["anna", "jens"]),
        ("müller", ["anna", "jens"]),  # the whole word, then the part
        ("moller", ["anna", "T-4711"]),  # spelt so by nobody: by the sound
        ("muller", ["anna", "T-4711"]),
        ("0172 498", ["anna"]),
        ("(0172) 4981375", ["anna"]),
        ("+49 172 4981375", ["anna"]),
        ("anna 4981", ["anna"]),
        ("ueller@gm", ["anna"]),
        ("5.3.1975", ["anna"]),
        ("1981-12", ["jens"]),
        ("01067", ["T-4711"]),
        ("lin", ["anna"]),
        ("marktstr", ["jens"]),
        ("t-4711", ["T-4711"]),
        ("Meller Dresden", ["T-4711"]),
        ("je", ["jens"]),
        ("1975 50667", ["anna"]),
        ("532013", ["anna"]),
    ],
)
def test_words_and_parts_of_words_find(reader: TestClient, typed: str, keys: list[str]) -> None:
    assert found(reader, q=typed) == keys


@pytest.mark.parametrize(
    "asked",
    [{}, {"q": "müller"}, {"q": "moller"}, {"updated_since": "2020-01-01T00:00:00Z"}, {"data_owner": "central"}],
)
def test_pages_go_on_where_the_last_ended(reader: TestClient, asked: dict[str, str]) -> None:
    whole = found(reader, **asked)
    assert len(whole) >= 2
    paged: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = reader.get("/v1/profiles", params={"limit": 1, **asked, **after}).json()
        paged += [profile["records"][0]["key"] for profile in page["profiles"]]
        if page["after"] is None:
            break
        after = {"after": page["after"]}
    assert paged == whole


def test_a_common_fragment_is_found_through_the_walk_and_a_rare_one_through_the_index(
    people: Installation, reader: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cdi.store.finding.WALK", 0)
    assert found(reader, q="müller") == ["anna", "jens"]
    assert found(reader, q="moller") == ["anna", "T-4711"]
    monkeypatch.setattr("cdi.store.finding.WALK", 10)
    assert found(reader, q="müller", limit=1) == ["anna"]


def test_profiles_changed_since_are_listed_by_the_time_of_their_change(changing: Installation) -> None:
    reader = Doors(changing).as_(Role.READER, *FieldGroup)
    before = datetime.now(UTC)
    push(changing, "till", {"anna": ANNA | {"birth_date": "1976-03-05"}})
    assert found(reader, updated_since=before.isoformat()) == ["anna"]
    assert found(reader, updated_since="2020-01-01T00:00:00+00:00")[-1] == "anna"


@pytest.mark.parametrize(
    "asked",
    [
        {"after": "x"},
        {"q": "anna", "after": "4~00000000-0000-0000-0000-000000000000"},
        {"q": "anna", "after": "00000000-0000-0000-0000-000000000000"},
        {"updated_since": "2020-01-01T00:00:00Z", "after": "yesterday~00000000-0000-0000-0000-000000000000"},
        {"updated_since": "2020-01-01T00:00:00Z", "after": "2020-01-01T00:00:00~00000000-0000-0000-0000-000000000000"},
        {"updated_since": "2020-01-01T00:00:00"},
        {"identifier": "4711"},
        {"identifier": ":"},
        {"source": "till"},
    ],
)
def test_a_question_that_is_none_is_refused(reader: TestClient, asked: dict[str, str]) -> None:
    answer = reader.get("/v1/profiles", params=asked)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-input")


# -- what a caller may not see ---------------------------------------------------------------------

IN_SECRET = ANNA | {"name": {"given_name": "Anna", "family_name": "Müller", "birth_name": "Wójcik"}}


@pytest.fixture(scope="module")
def with_secret(
    server_url: str, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """Anna is known to a sensitive source too."""
    folder = tmp_path_factory.mktemp("secret")
    (folder / "cdi.yaml").write_text(SMALL_COMPANY, encoding="utf-8")
    with copy_of(server_url, migrated_template) as database:
        installation = installation_of(folder, database)
        push(installation, "till", PEOPLE)
        push(installation, "secret", {"S-99": IN_SECRET | {"emails": email("hidden@posteo.de")}})
        assert profile_of(installation, "secret", "S-99") == profile_of(installation, "till", "anna")
        yield installation


@pytest.mark.parametrize("typed", ["wojcik", "woj", "hidden@posteo.de", "posteo", "s-99", "Vójtschik"])
def test_words_of_hidden_sources_find_nothing(with_secret: Installation, typed: str) -> None:
    doors = Doors(with_secret)
    assert found(doors.as_(Role.READER, *FieldGroup), q=typed) == []
    if typed != "Vójtschik":
        assert len(found(doors.as_(Role.READER, *FieldGroup, sensitive=True), q=typed)) == 1


def test_words_of_open_sources_find_the_profile_as_built_from_them(with_secret: Installation) -> None:
    answer = Doors(with_secret).as_(Role.READER, *FieldGroup).get("/v1/profiles", params={"q": "anna köln"})
    (profile,) = answer.json()["profiles"]
    assert {record["source"] for record in profile["records"]} == {"till"}
    assert "hidden" not in answer.text and "ójcik" not in answer.text


@pytest.mark.parametrize(
    "group,seen,unseen",
    [
        (FieldGroup.IDENTITY, "müller", "4981375"),
        (FieldGroup.CONTACT, "4981375", "lindenweg"),
        (FieldGroup.BIRTH, "1975-03", "lindenweg"),
        (FieldGroup.ADDRESS, "lindenweg", "7001"),
        (FieldGroup.IDENTIFIER, "7001", "1975"),
    ],
)
def test_what_is_masked_is_not_found_by_its_parts(
    people: Installation, group: FieldGroup, seen: str, unseen: str
) -> None:
    reader = Doors(people).as_(Role.READER, group)
    assert "anna" in found(reader, q=seen)
    assert found(reader, q=unseen) == []


def test_a_hidden_identifier_finds_nothing(with_secret: Installation) -> None:
    doors = Doors(with_secret)
    assert found(doors.as_(Role.READER, *FieldGroup), email="hidden@posteo.de") == []
    assert len(found(doors.as_(Role.READER, *FieldGroup, sensitive=True), email="hidden@posteo.de")) == 1


# -- what is kept ----------------------------------------------------------------------------------


def words_kept(installation: Installation) -> dict[str, str]:
    with installation.database.unit_of_work() as connection:
        rows = connection.execute(text("select profile_id, words from profile_search")).all()
        return {str(row.profile_id): row.words for row in rows}


def test_words_go_with_their_records_and_with_their_profile(changing: Installation) -> None:
    reader = Doors(changing).as_(Role.READER, *FieldGroup)
    push(changing, "shop", {"s1": ANNA | {"emails": email("second@web.de")}})
    assert found(reader, q="second@web") == ["anna"]
    push(changing, "shop", {"s1": None})
    assert found(reader, q="second@web") == []
    push(changing, "till", {"anna": None})
    assert found(reader, q="lindenweg") == []
    assert len(words_kept(changing)) == 2


def test_words_that_are_the_same_are_not_written_again(changing: Installation) -> None:
    with changing.database.unit_of_work() as connection:
        before = (
            connection.execute(text("select cast(xmin as text) from profile_search order by profile_id"))
            .scalars()
            .all()
        )
    push(changing, "till", {"anna": ANNA | {"gender": "f"}})
    with changing.database.unit_of_work() as connection:
        after = (
            connection.execute(text("select cast(xmin as text) from profile_search order by profile_id"))
            .scalars()
            .all()
        )
    assert before == after
