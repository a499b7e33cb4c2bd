"""One question to the same engine, nothing written: which profiles may this record be about?

Block keys, candidates and weights are those that the record would get if it were pushed; so what a web shop is told at
checkout is what resolving would find.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import numpy as np
from sqlalchemy import Connection

from cdi.access import Visibility
from cdi.errors import NotFoundError
from cdi.fields import CanonicalData
from cdi.matching import blocking, engine
from cdi.matching.columns import Card, RecordTable, card_of
from cdi.matching.evidence import explain_each
from cdi.matching.model import MatchModel, probability_of
from cdi.matching.pairs import IntArray
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
    met = {mate.record_id: mate for mate in _meets(connection, visibility, model, asked)}
    if not met:
        return {"model": model.version, "profiles": []}
    table = build_table([(ASKED, NOBODY, asked), *((i, mate.source, mate.card) for i, mate in met.items())])
    ranked = _ranked(table, model, met)[:limit]
    strongest = build_table(
        [(ASKED, NOBODY, asked), *((r.record_id, met[r.record_id].source, met[r.record_id].card) for r in ranked)]
    )
    return {
        "model": model.version,
        "profiles": _told(connection, installation, visibility, strongest, model, ranked),
    }


def _meets(connection: Connection, visibility: Visibility, model: MatchModel, asked: Card) -> Sequence[Mate]:
    alone = build_table([(ASKED, NOBODY, asked)])
    keys, _ = blocking.block_keys(alone, model)
    return list(mates.block_mates(connection, visibility, keys.tolist())) if len(keys) else []


def _ranked(table: RecordTable, model: MatchModel, met: Mapping[int, Mate]) -> list[Ranked]:
    others: IntArray = np.arange(1, len(table), dtype=np.int64)
    scored = engine.score(table, model, np.zeros(len(others), dtype=np.int64), others)
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
    connection: Connection,
    installation: Installation,
    visibility: Visibility,
    table: RecordTable,
    model: MatchModel,
    ranked: Sequence[Ranked],
) -> list[dict[str, Any]]:
    found = profiles.find_profiles(connection, [each.profile_id for each in ranked])
    names = records.load_names(connection, [each.record_id for each in ranked])
    rows = table.row_of(np.array([each.record_id for each in ranked], dtype=np.int64)).tolist()
    told = []
    for each, evidence in zip(ranked, explain_each(table, model, [(0, row) for row in rows]), strict=True):
        document = present(connection, installation, visibility, found[each.profile_id])
        if document is None:
            continue
        name = names[each.record_id]
        reckoning = evidence_seen(evidence, visibility)
        told.append(
            {
                "id": document["id"],
                "data_owner": document["data_owner"],
                "weight": each.weight,
                "probability": float(probability_of(np.array([each.weight]))[0]),
                "judgement": each.judgement(model),
                "record": f"{name.source}:{key_as_seen(name.key, visibility)}",
                "evidence": {k: v for k, v in reckoning.items() if k not in {"left", "right"}},
                "profile": document,
            }
        )
    return told
