"""Shopware's search: a Criteria body in, matching entities out, as its documents describe it."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final, NamedTuple, TypeAlias

from cdi.sample.shop import Entity, Shop, Table

MAX_LIMIT: Final = 500
DEFAULT_LIMIT: Final = 10
NEXT_PAGES: Final = 5
"""So many pages ahead does `total-count-mode: next-pages` look."""

Criteria: TypeAlias = Mapping[str, Any]
Test: TypeAlias = Callable[[Entity], bool]


class ApiError(Exception):
    """An answer that is not the one asked for: its status, Shopware's code and the place in the request."""

    def __init__(self, status: HTTPStatus, code: str, detail: str, pointer: str | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.pointer = pointer


def bad_request(code: str, detail: str, pointer: str) -> ApiError:
    return ApiError(HTTPStatus.BAD_REQUEST, f"FRAMEWORK__{code}", detail, pointer)


class Found(NamedTuple):
    """One page of entities, ready for JSON, and the total that the count mode asked for."""

    total: int
    data: list[Entity]


def search(shop: Shop, alias: str, criteria: Criteria) -> Found:
    """One page of the entities of this kind that the criteria ask for; raises ApiError."""
    table = shop.table(alias)
    limit, page = _limit(criteria), _page(criteria)
    tests = [_filter(shop, table, query, f"/filter/{i}") for i, query in enumerate(_filters(criteria))]
    rows = [row for row in _by_ids(table, criteria) if all(test(row) for test in tests)]
    rows = _sorted(shop, table, rows, criteria.get("sort") or [])
    first = (page - 1) * limit
    shown = rows[first : first + limit]
    total = _total(criteria.get("total-count-mode", 0), len(rows), first, limit, len(shown))
    associations = criteria.get("associations") or {}
    return Found(total, [_shown(shop, table, row, associations, criteria.get("includes")) for row in shown])


def _limit(criteria: Criteria) -> int:
    limit = criteria.get("limit", len(criteria["ids"]) if criteria.get("ids") else DEFAULT_LIMIT)
    if not _is_positive(limit):
        raise bad_request(
            "INVALID_LIMIT_QUERY",
            "The limit parameter must be a positive integer greater or equals than 1.",
            "/limit",
        )
    if int(limit) > MAX_LIMIT:
        detail = f"The limit must be lower than or equal to MAX_LIMIT(={MAX_LIMIT}). Given: {int(limit)}"
        raise bad_request("QUERY_LIMIT_EXCEEDED", detail, "/limit")
    return int(limit)


def _page(criteria: Criteria) -> int:
    page = criteria.get("page", 1)
    if not _is_positive(page):
        raise bad_request("INVALID_PAGE_QUERY", "The page parameter must be a positive integer.", "/page")
    return int(page)


def _is_positive(number: object) -> bool:
    return str(number).isdecimal() and int(str(number)) > 0


def _by_ids(table: Table, criteria: Criteria) -> Iterable[Entity]:
    ids = criteria.get("ids")
    if not ids:
        return table.rows
    wanted = set(ids.split("|") if isinstance(ids, str) else ids)
    return [row for row in table.rows if row["id"] in wanted]


def _total(mode: object, matching: int, first: int, limit: int, shown: int) -> int:
    match str(mode):
        case "1" | "exact":
            return matching
        case "2" | "next-pages":
            return min(max(matching - first, 0), limit * NEXT_PAGES + 1)
        case _:
            return shown


# ── values ──


def value_at(shop: Shop, table: Table, entity: Entity, path: str) -> Any:
    """The value under a dotted path, through associations; of a list of entities, the values of all."""
    head, _, rest = path.partition(".")
    if head not in table.associations:
        value = entity.get(head)
        return value.get(rest) if rest and isinstance(value, Mapping) else value
    alias, follow = table.associations[head]
    other = follow(entity)
    if other is None or not rest:
        return other
    if isinstance(other, list):
        return [value_at(shop, shop.table(alias), one, rest) for one in other]
    return value_at(shop, shop.table(alias), other, rest)


def _field(table: Table, query: Mapping[str, Any], pointer: str) -> str:
    field = query.get("field")
    if not isinstance(field, str) or not field:
        raise bad_request("INVALID_FILTER_QUERY", 'Parameter "field" is missing.', f"{pointer}/field")
    field = field.removeprefix(f"{table.alias}.")
    if not table.knows(field.partition(".")[0]):
        detail = f'Field "{field}" in entity "{table.alias}" was not found.'
        raise bad_request("UNMAPPED_FIELD", detail, f"{pointer}/field")
    return field


def _comparable(value: Any) -> Any:
    """Text without case, as the database compares it; a time as a time."""
    if not isinstance(value, str):
        return value
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return value.casefold()
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


# ── filters ──


def _filters(criteria: Criteria) -> list[Any]:
    filters = criteria.get("filter") or []
    if not isinstance(filters, list):
        raise bad_request("INVALID_FILTER_QUERY", "The filter parameter has to be a list of filters.", "/filter")
    return filters


def _filter(shop: Shop, table: Table, query: Any, pointer: str) -> Test:
    if not isinstance(query, Mapping) or "type" not in query:
        raise bad_request("INVALID_FILTER_QUERY", "Value for filter type is required.", pointer)
    kind = query["type"]
    if kind in {"multi", "not"}:
        return _joined(shop, table, query, pointer)
    field = _field(table, query, pointer)
    holds = _comparison(query, pointer)

    def test(entity: Entity) -> bool:
        value = value_at(shop, table, entity, field)
        return any(holds(_comparable(v)) for v in value) if isinstance(value, list) else holds(_comparable(value))

    return test


def _joined(shop: Shop, table: Table, query: Mapping[str, Any], pointer: str) -> Test:
    tests = [
        _filter(shop, table, inner, f"{pointer}/queries/{i}") for i, inner in enumerate(query.get("queries") or [])
    ]
    operator = str(query.get("operator", "and")).lower()
    if operator not in {"and", "or", "nor", "nand"}:
        raise bad_request("INVALID_FILTER_QUERY", f'Operator "{operator}" is not known.', f"{pointer}/operator")
    quantifier = any if operator in {"or", "nor"} else all
    negated = (query["type"] == "not") != operator.startswith("n")
    return lambda entity: quantifier(test(entity) for test in tests) != negated


def _comparison(query: Mapping[str, Any], pointer: str) -> Callable[[Any], bool]:
    kind, value = query["type"], query.get("value")
    if kind == "range":
        return _range(query, pointer)
    if "value" not in query:
        raise bad_request("INVALID_FILTER_QUERY", 'Parameter "value" is missing.', f"{pointer}/value")
    wanted = _comparable(value)
    match kind:
        case "equals":
            return lambda found: found is None if value is None else found == wanted
        case "equalsAny":
            many = {_comparable(v) for v in (value.split("|") if isinstance(value, str) else value or ())}
            return lambda found: found is not None and found in many
        case "contains":
            return lambda found: isinstance(found, str) and str(wanted) in found
        case "prefix":
            return lambda found: isinstance(found, str) and found.startswith(str(wanted))
        case "suffix":
            return lambda found: isinstance(found, str) and found.endswith(str(wanted))
    raise bad_request("INVALID_FILTER_QUERY", f'Filter type "{kind}" is not supported.', f"{pointer}/type")


_BOUNDS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "gte": lambda found, bound: bool(found >= bound),
    "gt": lambda found, bound: bool(found > bound),
    "lte": lambda found, bound: bool(found <= bound),
    "lt": lambda found, bound: bool(found < bound),
}


def _range(query: Mapping[str, Any], pointer: str) -> Callable[[Any], bool]:
    parameters = query.get("parameters")
    if not isinstance(parameters, Mapping) or not parameters or not parameters.keys() <= _BOUNDS.keys():
        raise bad_request(
            "INVALID_FILTER_QUERY",
            "Range filter needs at least one of gt, gte, lt, lte.",
            f"{pointer}/parameters",
        )
    bounds = [(_BOUNDS[name], _comparable(bound)) for name, bound in parameters.items()]

    def holds(found: Any) -> bool:
        # Null is neither before nor after anything; nor does a time compare with a word.
        return found is not None and all(
            type(found) is type(bound) and within(found, bound) for within, bound in bounds
        )

    return holds


# ── order ──


def _sorted(shop: Shop, table: Table, rows: list[Entity], sorting: Any) -> list[Entity]:
    """Later fields first: sorting is stable. Null stands before everything, as in MySQL."""
    if not isinstance(sorting, list):
        raise bad_request("INVALID_SORT_QUERY", "The sort parameter has to be a list.", "/sort")
    for i, wanted in reversed(list(enumerate(sorting))):
        field = _field(table, wanted, f"/sort/{i}")

        def key(entity: Entity, field: str = field) -> tuple[bool, Any]:
            value = _comparable(value_at(shop, table, entity, field))
            return (value is not None, value if value is not None else 0)

        rows = sorted(rows, key=key, reverse=str(wanted.get("order", "ASC")).upper() == "DESC")
    return rows


# ── what is shown ──


def _shown(shop: Shop, table: Table, entity: Entity, associations: Mapping[str, Any], includes: Any) -> Entity:
    unknown = associations.keys() - table.associations.keys()
    if unknown:
        detail = f"Can not find association by name {min(unknown)}"
        raise bad_request("ASSOCIATION_NOT_FOUND", detail, f"/associations/{min(unknown)}")
    answer = {**entity, "apiAlias": table.alias}
    for name, (alias, follow) in table.associations.items():
        asked = name in associations or name in table.autoload
        inner = (associations.get(name) or {}).get("associations") or {}
        answer[name] = _associated(shop, shop.table(alias), follow(entity), inner, includes) if asked else None
    wanted = includes.get(table.alias) if isinstance(includes, Mapping) else None
    if wanted is None:
        return answer
    return {name: value for name, value in answer.items() if name in wanted or name == "apiAlias"}


def _associated(
    shop: Shop, table: Table, other: Entity | list[Entity] | None, inner: Mapping[str, Any], includes: Any
) -> Any:
    if other is None:
        return None
    if isinstance(other, list):
        return [_shown(shop, table, one, inner, includes) for one in other]
    return _shown(shop, table, other, inner, includes)
