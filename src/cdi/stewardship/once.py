"""A request that is sent again, because its answer got lost, is not done again: the same Idempotency-Key gets what the
first one decided, for a day. Only ids are kept."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from cdi.stewardship.desk import Desk
from cdi.stewardship.overrides import show_override
from cdi.store import idempotency


def once(
    desk: Desk, route: str, key: str | None, asked: Mapping[str, Any], act: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """What `act` answers, with its decision under `decision` or as a whole; of a repeated request the decision as it
    stands now, with `repeated`. Raises ConflictError for a key that was used for something else."""
    if key is None:
        return act()
    desk.alone()
    digest = hashlib.blake2b(orjson.dumps(dict(asked), option=orjson.OPT_SORT_KEYS), digest_size=16).digest()
    before = idempotency.earlier_answer(desk.connection, desk.caller.name, route, key, digest, desk.now)
    if before is not None:
        affected = {"affected": before["affected"], "data_owners": before["data_owners"]}
        return show_override(desk, before["decision"]) | affected | {"repeated": True}
    told = act()
    decision = told.get("decision") or told
    kept = {
        "decision": decision["id"],
        "affected": told.get("affected") or [part["id"] for part in told.get("after", ())],
        "data_owners": told.get("data_owners") or {},
    }
    idempotency.remember_answer(desk.connection, desk.caller.name, route, key, digest, kept, desk.now)
    return told
