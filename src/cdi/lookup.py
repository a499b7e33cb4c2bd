"""One question to the same engine, nothing written: which profiles may this record be about?

Block keys, candidates and weights are those that the record would get if it were pushed; so what a web shop is told at
checkout is what resolving would find.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import numpy as np
from sqlalchemy import Connection

from cdi.access import Visibility
from cdi.errors import NotFoundError
from cdi.fields import CanonicalData
from cdi.matching import blocking
from cdi.matching.cards import Card, card_of
from cdi.matching.columns import RecordTable
from cdi.matching.comparing.answers import Subject
from cdi.matching.engine import Compared, applicable, compare
from cdi.matching.evidence import Evidence, evidence_of
from cdi.matching.model import MatchModel
from cdi.matching.pairs import IntArray, ScoredPairs
from cdi.normalise.record import Context, canonicalise, normalise
from cdi.pipeline import Installation
from cdi.pipeline.tables import build_table
from cdi.serving import evidence_seen, key_as_seen, present
from cdi.store import mates, profiles, records
from cdi.store.mates import Mate

ASKED: Final = 0
"""The record id of the question; those of records begin at 1."""
NOBODY: Final = ""
"""The source of the question, which is none: what a source guarantees of its records does not hold for it."""


class Judgement(StrEnum):
    """What resolving would make of it: a link, a question to a steward, or neither."""

    MATCH = "match"
    REVIEW = "review"
    NO_MATCH = "no_match"


@dataclass(frozen=True, slots=True)
class Ranked:
    """A profile that the question may be about: its strongest record, and whether another record contradicts."""

    profile_id: UUID
    record_id: int
    weight: float
    contradicted: bool

    def judgement(self, model: MatchModel) -> Judgement:
        if self.weight >= model.match_weight:
            return Judgement.REVIEW if self.contradicted else Judgement.MATCH
        return Judgement.REVIEW if self.weight >= model.review_weight else Judgement.NO_MATCH


def look_up(
    connection: Connection, installation: Installation, visibility: Visibility, said: CanonicalData, limit: int
) -> dict[str, Any]:
    """The profiles that this record (canonical attributes) may be about, the likeliest first, each with its match
    weight in nats, the probability, and the evidence of its strongest record. Profiles for which the evidence does
    not speak on the whole (a weight below that of two records of which nothing is known) are left out.

    Raises NotFoundError before anything was resolved, BadRecordError for a record that is none.
    """
    model = installation.models.active(connection)
    if model is None:
        raise NotFoundError("nothing has been resolved yet", remedy="Run cdi resolve")
    company = installation.deployment.company
    asked = card_of(normalise(canonicalise(said, Context(country=company.country, language=company.language))))
    keys, _ = blocking.block_keys(_table(asked, []), model)
    met = {mate.record_id: mate for mate in mates.block_mates(connection, visibility, keys.tolist())}
    if not met:
        return {"model": model.version, "profiles": []}
    compared = _compared(asked, met.values(), model)
    ranked = _ranked(compared.scored(), model, met)[:limit]
    places = np.searchsorted(list(met), [each.record_id for each in ranked])
    reckoned = evidence_of(compared.at(places), _blocks(asked, [met[each.record_id] for each in ranked], model))
    found = profiles.find_profiles(connection, [each.profile_id for each in ranked])
    names = records.load_names(connection, [each.record_id for each in ranked])
    told = []
    for each, evidence in zip(ranked, reckoned, strict=True):
        profile, name = found.get(each.profile_id), names.get(each.record_id)
        shown = None if profile is None else present(connection, installation, visibility, profile)
        if shown is not None and name is not None:
            record = f"{name.source}:{key_as_seen(name.key, visibility)}"
            told.append(_told(each.judgement(model), record, evidence, evidence_seen(evidence, visibility), shown))
    return {"model": model.version, "profiles": told}


def _blocks(asked: Card, ranked: Sequence[Mate], model: MatchModel) -> list[tuple[str, ...]]:
    """By which rules the question meets each of these."""
    table = _table(asked, ranked)
    others = table.row_of(np.array([mate.record_id for mate in ranked], dtype=np.int64))
    return blocking.shared_keys(table, model, np.zeros_like(others), others)


def _table(asked: Card, others: Iterable[Mate]) -> RecordTable:
    """The question, in the first row, and these."""
    return build_table([(ASKED, NOBODY, asked), *((mate.record_id, mate.source, mate.card) for mate in others)])


def _compared(asked: Card, met: Iterable[Mate], model: MatchModel) -> Compared:
    """The question with each of these, in their order."""
    table = _table(asked, met)
    others: IntArray = np.arange(1, len(table), dtype=np.int64)
    return compare(Subject(table, model), applicable(table, model), np.zeros_like(others), others)


def _ranked(scored: ScoredPairs, model: MatchModel, met: Mapping[int, Mate]) -> list[Ranked]:
    floor = -float(np.logaddexp(-model.prior_household, -model.prior_stranger))
    best: dict[UUID, Ranked] = {}
    for record_id, weight, contradicts in zip(
        scored.right.tolist(), scored.weight.tolist(), scored.contradicts.tolist(), strict=True
    ):
        home = met[record_id].profile_id
        known = best.get(home)
        contradicted = contradicts or (known is not None and known.contradicted)
        if known is None or weight > known.weight:
            best[home] = Ranked(home, record_id, weight, contradicted)
        elif contradicted and not known.contradicted:
            best[home] = Ranked(home, known.record_id, known.weight, True)
    likely = [ranked for ranked in best.values() if ranked.weight > floor]
    return sorted(likely, key=lambda ranked: (-ranked.weight, ranked.profile_id))


def _told(
    judgement: Judgement, record: str, evidence: Evidence, seen: Mapping[str, Any], profile: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "id": profile["id"],
        "data_owner": profile["data_owner"],
        "weight": evidence.weight,
        "probability": evidence.probability,
        "judgement": judgement,
        "record": record,
        "evidence": {name: value for name, value in seen.items() if name not in {"left", "right"}},
        "profile": profile,
    }
