"""What tests say of stewards: who asks and decides over HTTP, and what they find."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from domain import profile_of
from fastapi.testclient import TestClient
from httpx import Response

from cdi.access import Role
from cdi.fields import CanonicalData, FieldGroup
from cdi.matching.cards import card_of
from cdi.matching.evidence import explain
from cdi.matching.model import default_model
from cdi.normalise.record import Context, canonicalise, normalise
from cdi.pipeline import Installation
from cdi.pipeline.tables import build_table
from cdi.store.db import Database
from conftest import SMALL_COMPANY, Doors, installation_of

WIDE_BAND = "\nmatching: {match: 0.7, review: 0.03}\n"
"""Much is asked, so that what a test calls similar is a question."""
ASKED = (-0.9, 0.7)
"""Weights that are well within that band, and not far below what would match."""


def contradicting(record: CanonicalData) -> CanonicalData:
    """A record that is similar to this one and has another birth date: by the model that ships it is a question."""
    born = ("1971-11-23", "1984-11-23", "1971-03-05", "1952-08-17")
    parts = (("name", "addresses", "emails"), ("name", "emails"), ("name", "addresses"), ("name",))
    candidates = [{part: record[part] for part in known} | {"birth_date": date} for known in parts for date in born]
    weights = [weight_of(record, candidate) for candidate in candidates]
    best = min(range(len(candidates)), key=lambda n: abs(weights[n]))
    assert ASKED[0] < weights[best] < ASKED[1], f"no candidate is a question: {sorted(weights)}"
    return candidates[best]


def weight_of(one: CanonicalData, other: CanonicalData) -> float:
    """What the model that ships says of two records."""
    present = [(n, "till", card_of(normalise(canonicalise(said, Context())))) for n, said in enumerate((one, other))]
    return explain(build_table(present), default_model(), 0, 1).weight


def company_in(folder: Path, database: Database, more: str = WIDE_BAND) -> Installation:
    """The small company of the tests, with an application that is pushed to, and with `more` in its cdi.yaml."""
    app = "  app: {connector: push, data_owner: online, purpose: sale, retention: P1Y, trust: 0.4}\n"
    (folder / "cdi.yaml").write_text(SMALL_COMPANY + app + more, encoding="utf-8")
    return installation_of(folder, database)


class Steward:
    """A steward (or whoever), with a name, at the API of a company."""

    def __init__(
        self,
        installation: Installation,
        name: str = "s.keller",
        owners: Sequence[str] | None = None,
        role: Role = Role.STEWARD,
        *,
        sensitive: bool = False,
    ) -> None:
        self.installation = installation
        groups = tuple(FieldGroup) if role is Role.READER else ()
        self.client: TestClient = Doors(installation).as_(role, *groups, owners=owners, name=name, sensitive=sensitive)

    def get(self, path: str, **parameters: Any) -> Any:
        answer = self.client.get(f"/v1/{path}", params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def profile(self, source: str, key: str) -> dict[str, Any]:
        """The profile of this record, as this caller sees it."""
        found = self.get("profiles", source=source, key=key)["profiles"]
        assert len(found) == 1, f"{source}:{key} is found in {len(found)} profiles"
        profile: dict[str, Any] = found[0]
        return profile

    def golden(self, source: str, key: str, attribute: str) -> Any:
        return self.profile(source, key)["golden"][attribute]["value"]

    def ask(self, profile_id: UUID | None) -> Response:
        """What this id answers, without following it."""
        return self.client.get(f"/v1/profiles/{profile_id}", follow_redirects=False)

    def reviews(self, kind: str | None = None, status: str = "open") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get("reviews", status=status, **({"kind": kind} if kind else {}))["reviews"]
        return found

    def review_between(self, *names: tuple[str, str]) -> dict[str, Any]:
        """The open (or waiting) review about the profiles of these records."""
        wanted = {str(profile_of(self.installation, *name)) for name in names}
        found = [r for s in ("open", "waiting") for r in self.reviews(status=s) if set(r["profiles"]) == wanted]
        assert len(found) == 1, f"{len(found)} reviews about {names}"
        return found[0]

    def answer(self, review: dict[str, Any], verdict: str, reason: str = "asked the customer") -> Response:
        return self.client.post(f"/v1/reviews/{review['id']}/decision", json={"verdict": verdict, "reason": reason})

    def decide(self, review: dict[str, Any], verdict: str) -> dict[str, Any]:
        answer = self.answer(review, verdict)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def say(self, verdict: str, left: Sequence[str], right: Sequence[str], reason: str = "phoned them") -> Response:
        """An override."""
        body = {"verdict": verdict, "left": list(left), "right": list(right), "reason": reason}
        return self.client.post("/v1/overrides", json=body)

    def revoke(self, decision_id: int, reason: str = "it was a mistake") -> Response:
        return self.client.request("DELETE", f"/v1/overrides/{decision_id}", json={"reason": reason})

    def split(self, profile: UUID | str | None, *records: str, dry_run: bool = False, **more: Any) -> Response:
        body = {"records": list(records), "reason": "two customers", **more}
        return self.client.post(f"/v1/profiles/{profile}/split", json=body, params={"dry_run": dry_run})

    def take_out(self, profile: UUID | str | None, *records: str) -> dict[str, Any]:
        answer = self.split(profile, *records)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def pin(self, profile: UUID | None, attribute: str, **choice: Any) -> Response:
        body = {"reason": "seen on the identity card", **choice}
        return self.client.put(f"/v1/profiles/{profile}/pins/{attribute}", json=body)
