"""/privacy/profiles/{id}/rectification: a value is wrong; what is right, part by part, beside what is served now."""

from collections.abc import Mapping
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Query, Response

from cdi.errors import ConflictError, InvalidInputError
from cdi.fields import ATTRIBUTES, Shape
from cdi.privacy import rectifying
from cdi.profiles import show
from cdi.resolution.values import CUSTOM, attribute_at
from cdi.serving import live_profile
from cdi.web.error_words import told_error
from cdi.web.privacy import office_of
from cdi.web.routing import pages_router
from cdi.web.visits import Officiating, Visit
from cdi.web.words import N_

router = pages_router()

KEPT: Final = frozenset({"type", "issuer"})
"""Parts of a number that say what it is; they stay as they are."""
HOLDS: Final = N_("The right value holds at once; the owners of the sources that say otherwise have a task.")

Text = Annotated[str, Query(max_length=200)]


@router.get("/privacy/profiles/{profile_id}/rectification")
def show_rectification(profile_id: UUID, visit: Officiating, attribute: Text = "") -> Response:
    """What is served now of one attribute, to be put right."""
    return _page(visit, profile_id, attribute)


@router.post("/privacy/profiles/{profile_id}/rectification")
def rectify(profile_id: UUID, visit: Officiating) -> Response:
    """Rectify it; what stands against it is told at the form."""
    attribute, served = visit.said("attribute"), _served(visit, profile_id)
    if attribute not in served:
        return _page(visit, profile_id, "", status=422)
    right = _right(visit, attribute, served[attribute])
    try:
        with visit.connection.begin_nested():
            rectifying.rectify(office_of(visit), profile_id, attribute, right, visit.said("reason"))
    except (ConflictError, InvalidInputError) as error:
        faults = [told_error(visit.language, text) for text in (error.message, error.remedy) if text]
        return _page(visit, profile_id, attribute, right=right, faults=faults, status=int(error.status))
    return visit.back(f"/privacy/profiles/{profile_id}", visit.language.gettext(HOLDS))


def _page(
    visit: Visit,
    profile_id: UUID,
    attribute: str,
    right: Any = None,
    faults: list[str] | None = None,
    status: int = 200,
) -> Response:
    served = _served(visit, profile_id)
    chosen = attribute if attribute in served else next(iter(served), "")
    shown = served.get(chosen) if right is None else right
    values = {
        "id": str(profile_id),
        "document": show(visit.connection, visit.installation, visit.visibility, profile_id).document,
        "served": served,
        "chosen": chosen,
        "parts": {part: _part(shown, part) for part in _parts(chosen)} if chosen else {},
        "reason": visit.said("reason") if right is not None else "",
        "faults": faults or [],
    }
    return visit.page("privacy_rectification.html", values, status=status)


def _served(visit: Visit, profile_id: UUID) -> dict[str, Any]:
    """What can be wrong: the preferred value of each attribute, custom ones under their own names."""
    live_profile(visit.connection, visit.visibility, profile_id)
    document = show(visit.connection, visit.installation, visit.visibility, profile_id).document
    golden = {} if document is None else document["golden"]
    known = {name: golden[name]["value"] for name in ATTRIBUTES if name in golden and name not in {"kind", CUSTOM}}
    return known | {f"{CUSTOM}.{name}": entry["value"] for name, entry in (golden.get(CUSTOM) or {}).items()}


def _parts(attribute: str) -> tuple[str, ...]:
    """What is asked for: the parts of a block that make it this value, else one value."""
    found = attribute_at(attribute)
    blocks = found.shape in {Shape.BLOCK, Shape.BLOCKS}
    return tuple(part for part in found.identity_parts if part not in KEPT) if blocks else ("value",)


def _part(value: Any, part: str) -> str:
    return str(value.get(part) or "") if isinstance(value, Mapping) else str(value if value is not None else "")


def _right(visit: Visit, attribute: str, served: Any) -> Any:
    if not isinstance(served, Mapping):
        return visit.said("value")
    said = {part: visit.said(part) for part in _parts(attribute)}
    return {part: served[part] for part in KEPT if served.get(part)} | {part: one for part, one in said.items() if one}
