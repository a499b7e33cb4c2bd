"""Profiles that are asked for at the same moment are read together, and nobody can tell from an answer."""

import asyncio
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from domain import email, person, profile_of, push
from stewarding import company_in

from cdi.access import Role
from cdi.fields import FieldGroup
from cdi.pipeline import Installation
from cdi.store.db import Database
from conftest import Doors

ANNA = person("Anna", "Krzywdzinski", "1984-03-05", emails=email("anna.krz@gmx.de"))
BERT = person("Bert", "Okonkwo", "1961-11-30", emails=email("bert@okonkwo.example"))


@pytest.fixture
def company(database: Database, tmp_path: Path) -> Installation:
    """Anna is known to the till, Bert to a sensitive source too, Cora to that one alone."""
    made = company_in(tmp_path, database, more="")
    push(made, "till", {"a": ANNA, "b": BERT, "d": person("Dora", "Gegangen")})
    push(made, "secret", {"b": BERT, "c": person("Cora", "Geheim", "1990-01-01")})
    return made


def test_whoever_asks_is_answered_as_by_the_route_alone(company: Installation) -> None:
    dora = profile_of(company, "till", "d")
    known = [profile_of(company, source, key) for source, key in (("till", "a"), ("till", "b"), ("secret", "c"))]
    push(company, "till", {"d": None})
    doors = Doors(company)
    callers = [
        doors.as_(Role.READER),
        doors.as_(Role.READER, FieldGroup.IDENTITY),
        doors.as_(Role.READER, *FieldGroup),
        doors.as_(Role.READER, *FieldGroup, sensitive=True),
        doors.as_(Role.READER, *FieldGroup, purposes=["newsletter"]),
        doors.as_(Role.STEWARD, owners=["retail"]),
        doors.as_(Role.CONNECTOR, source="till"),
        doors.as_(Role.ADMIN),
    ]
    seen = set()
    for caller in callers:
        for profile in (*known, dora, uuid4()):
            together = caller.get(f"/v1/profiles/{profile}", follow_redirects=False)
            alone = caller.get(
                f"/v1/profiles/{profile}?alone=1", follow_redirects=False
            )  # whatever is added goes there
            assert (together.status_code, together.json()) == (alone.status_code, alone.json())
            for header in ("etag", "content-type", "cache-control", "vary", "location", "content-security-policy"):
                assert together.headers.get(header) == alone.headers.get(header)
            seen.add(together.status_code)
    assert seen >= {200, 403, 404, 410}


def test_each_of_many_at_once_gets_what_it_may_see(company: Installation) -> None:
    anna, bert = profile_of(company, "till", "a"), profile_of(company, "till", "b")
    doors = Doors(company)
    keys = [
        client.headers["authorization"]
        for client in (doors.as_(Role.READER), doors.as_(Role.READER, *FieldGroup), doors.as_(Role.ADMIN))
    ] + ["Bearer cdi_wrong"]
    asked = [(key, profile) for key in keys for profile in (anna, bert, uuid4())] * 20

    async def ask(client: httpx.AsyncClient, key: str, profile: UUID | None) -> tuple[int, bytes]:
        answer = await client.get(f"/v1/profiles/{profile}", headers={"Authorization": key})
        return answer.status_code, answer.content if answer.status_code == 200 else b""

    async def all_at_once() -> list[tuple[int, bytes]]:
        transport = httpx.ASGITransport(app=doors.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://cdi") as client:
            return list(await asyncio.gather(*(ask(client, *each) for each in asked)))

    told: dict[tuple[str, UUID | None], set[tuple[int, bytes]]] = {}
    for each, answer in zip(asked, asyncio.run(all_at_once()), strict=True):
        told.setdefault(each, set()).add(answer)
    assert all(len(answers) == 1 for answers in told.values())
    statuses = {(keys.index(key), profile): next(iter(answers))[0] for (key, profile), answers in told.items()}
    assert {status for (who, _), status in statuses.items() if who == 3} == {401}
    assert all(statuses[who, anna] == 200 for who in range(3))
    masked, whole = (next(iter(told[keys[who], anna]))[1] for who in (0, 1))
    assert b"Krzywdzinski" not in masked and b"Krzywdzinski" in whole
