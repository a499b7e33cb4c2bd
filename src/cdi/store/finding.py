"""Lists of live profiles, narrowed and in pages: by identifier, by words, by owner, by change.

A page is found through an index whatever is asked. Words are looked for in three tiers, the best first: all of them as
whole words, all of them as fragments, and if nobody has those, by their sound; a cursor names the tier and the last id.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection

from cdi.access import Visibility
from cdi.errors import InvalidInputError
from cdi.fields import FieldGroup
from cdi.normalise.searching import RECORD_KEY, Word
from cdi.store.db import text
from cdi.store.profiles import FoundProfile

WALK: Final = 2_000
"""So many profiles are read in order before the index is asked: a fragment that every fiftieth profile has fills a page
from them, and its posting list would be long."""
COMMON: Final = 10
"""So many hits in a walk, and walking on is faster than the index: for a hit the index takes
some four times as long as the walk for a profile that it passes, and finds all hits before the first is told."""


class Tier(IntEnum):
    """How well a profile answers the words that were typed."""

    WHOLE = 1
    FRAGMENT = 2
    SOUND = 3


@dataclass(frozen=True, slots=True)
class ProfileFilter:
    """What a list of profiles is narrowed by; nothing given: not narrowed. All that is given must hold.

    Of each of `carriers` (sets of records) a profile must hold a record that the caller may see, and for each of
    `handles` (a type, and values as the engine keeps them) one that carries a value.
    """

    carriers: Sequence[Sequence[int]] = ()
    handles: Sequence[tuple[str, Sequence[str]]] = ()
    words: Sequence[Word] = ()
    data_owner: str | None = None
    updated_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """A page, and the cursor of the next (None: this was the last)."""

    profiles: list[FoundProfile]
    after: str | None


@dataclass(slots=True)
class _Question:
    """Conditions on the profile `p`, with their parameters."""

    conditions: list[str]
    parameters: dict[str, Any] = field(default_factory=dict)

    def must(self, condition: str, **parameters: Any) -> None:
        self.conditions.append(condition)
        self.parameters.update(parameters)

    @property
    def where(self) -> str:
        return " and ".join(self.conditions)


def list_profiles(
    connection: Connection, visibility: Visibility, narrowed: ProfileFilter, after: str | None, limit: int
) -> Listed:
    """Live profiles of which the caller may see a record, at most `limit`: by id; those changed since a time, by the
    time of their change; those found by words, the best first.

    Raises InvalidInputError for a cursor of another list.
    """
    question = _question(visibility, narrowed)
    if narrowed.words:
        return _by_words(connection, visibility, narrowed.words, question, after, limit)
    if narrowed.updated_since is not None:
        return _by_change(connection, question, after, limit)
    return _by_id(connection, question, after, limit)


CARRYING = "(membership m join record r using (record_id))"
SEEN_RECORD = "not r.source = any(cast(:hidden as text[]))"


def _question(visibility: Visibility, narrowed: ProfileFilter) -> _Question:
    question = _Question(["p.retired_at is null"], {"hidden": sorted(visibility.hidden_sources)})
    question.must("not (p.sources <@ cast(:hidden as text[]))")
    if visibility.uses:
        question.must("not (p.closed_to && cast(:uses as text[]))", uses=sorted(visibility.uses))
    for n, (kind, values) in enumerate(narrowed.handles):
        question.must(
            f"p.profile_id in (select m.profile_id from handle h join {CARRYING} using (record_id)"  # noqa: S608
            f" where h.value = any(cast(:values{n} as text[])) and h.type = :kind{n} and {SEEN_RECORD})",
            **{f"values{n}": list(values), f"kind{n}": kind},
        )
    for n, records in enumerate(narrowed.carriers):
        question.must(
            f"p.profile_id in (select m.profile_id from {CARRYING}"  # noqa: S608  fixed names
            f" where m.record_id = any(cast(:carriers{n} as bigint[])) and {SEEN_RECORD})",
            **{f"carriers{n}": list(records)},
        )
    if narrowed.data_owner is not None:
        question.must("p.data_owner = :owner", owner=narrowed.data_owner)
    if narrowed.updated_since is not None:
        question.must("p.updated_at >= :since", since=narrowed.updated_since)
    return question


COLUMNS = "p.profile_id, p.document, p.sources, p.version, p.updated_at, p.closed_to"


def _found(row: Any) -> FoundProfile:
    return FoundProfile(
        row.profile_id, row.document, frozenset(row.sources), row.version, None, False, frozenset(row.closed_to)
    )


# -- by id, by change ------------------------------------------------------------------------------


def _by_id(connection: Connection, question: _Question, after: str | None, limit: int) -> Listed:
    if after is not None:
        question.must("p.profile_id > :after", after=_uuid(after))
    rows = _rows(connection, question, "p.profile_id", limit)
    return Listed([_found(row) for row in rows[:limit]], str(rows[limit - 1].profile_id) if rows[limit:] else None)


def _by_change(connection: Connection, question: _Question, after: str | None, limit: int) -> Listed:
    if after is not None:
        moment, tilde, last = after.partition("~")
        try:
            at = datetime.fromisoformat(moment)
        except ValueError:
            raise _wrong_cursor() from None
        if not tilde or at.tzinfo is None:
            raise _wrong_cursor()
        question.must("(p.updated_at, p.profile_id) > (:at, :after)", at=at, after=_uuid(last))
    rows = _rows(connection, question, "p.updated_at, p.profile_id", limit)
    last_row = rows[limit - 1] if rows[limit:] else None
    cursor = None if last_row is None else f"{last_row.updated_at.isoformat()}~{last_row.profile_id}"
    return Listed([_found(row) for row in rows[:limit]], cursor)


def _rows(connection: Connection, question: _Question, order: str, limit: int) -> list[Any]:
    """One more than `limit`, so that it is known whether there are more."""
    statement = f"select {COLUMNS} from profile p where {question.where} order by {order} limit :limit"  # noqa: S608
    return list(connection.execute(text(statement), {**question.parameters, "limit": limit + 1}))


def _uuid(value: str) -> UUID:
    try:
        return UUID(value)
    except ValueError:
        raise _wrong_cursor() from None


def _wrong_cursor() -> InvalidInputError:
    return InvalidInputError("after is no cursor of this list", remedy="Send what the last answer gave")


# -- by words --------------------------------------------------------------------------------------

WALKED = """
with hits as (select profile_id, words, parts from profile_search where profile_id > :after
    order by profile_id limit :walk)
"""
INDEXED = """
with hits as materialized (select profile_id, words, parts from profile_search s
    where {indexed} and profile_id > :after order by profile_id)
"""
# The walk is filtered by what it read, the index's hits are not looked up a second time; both are in order, so that
# only the profiles of the page are fetched.
LISTED = """
select {columns} from hits s {seen} join profile p using (profile_id)
where {indexed} and {words} and {where} order by s.profile_id limit :limit
"""
SEEN = """
cross join lateral (
    select coalesce(' ' || string_agg(of_group.words, ' ') || ' ', '') as words
    from jsonb_each(s.parts) as of_source(name, groups), jsonb_each_text(of_source.groups) as of_group(name, words)
    where not of_source.name = any(cast(:hidden as text[])) and of_group.name = any(cast(:groups as text[]))
) seen
"""
"""The words of a profile that the caller may see."""

NO_ID: Final = UUID(int=0)


def _by_words(
    connection: Connection,
    visibility: Visibility,
    words: Sequence[Word],
    question: _Question,
    after: str | None,
    limit: int,
) -> Listed:
    """The page begins in the tier of the cursor; when a tier ends, the next one begins. Who only sounds alike is told
    where nobody is spelt so."""
    everything = visibility.groups >= frozenset(FieldGroup) and not visibility.hidden_sources
    parameters = {
        **question.parameters,
        **_patterns(words),
        "groups": [RECORD_KEY, *(group.value for group in visibility.groups)],
    }
    begin, start = _word_cursor(after)
    found: list[tuple[Tier, Any]] = []
    for tier in Tier:
        wanted = limit + 1 - len(found)
        if tier < begin or wanted <= 0:
            continue
        if tier is Tier.SOUND and begin is not tier and (found or not any(word.sounds for word in words)):
            continue
        parameters |= {"after": start if tier is begin else NO_ID, "limit": wanted}
        parts = {
            "columns": COLUMNS,
            "seen": "" if everything else SEEN,
            "indexed": _answers(tier, words, "s"),
            "words": _told_apart(tier, words, "s" if everything else "seen"),
            "where": question.where,
        }
        found += [(tier, row) for row in _in_tier(connection, parts, parameters, wanted)]
    last = found[limit - 1] if found[limit:] else None
    cursor = None if last is None else f"{last[0].value}~{last[1].profile_id}"
    return Listed([_found(row) for _, row in found[:limit]], cursor)


def _in_tier(connection: Connection, parts: dict[str, str], parameters: dict[str, Any], wanted: int) -> Sequence[Any]:
    """The first rows of a tier: of a common fragment by walking on as far as its first hits let expect, of a rare one
    through the index."""
    walk = text((WALKED + LISTED).format(**parts))
    rows = connection.execute(walk, {**parameters, "walk": WALK}).all()
    if COMMON <= len(rows) < wanted:
        rows = connection.execute(walk, {**parameters, "walk": 2 * WALK * wanted // len(rows)}).all()
    if len(rows) < wanted:
        rows = connection.execute(text((INDEXED + LISTED).format(**parts)), parameters).all()
    return rows


def _word_cursor(after: str | None) -> tuple[Tier, UUID]:
    if after is None:
        return Tier.WHOLE, NO_ID
    tier, _, last = after.partition("~")
    if tier not in {str(each.value) for each in Tier}:
        raise _wrong_cursor()
    return Tier(int(tier)), _uuid(last)


def _patterns(words: Sequence[Word]) -> dict[str, str]:
    """What `_answers` refers to. A fragment of fewer than three letters is looked for at the beginning of words: the
    index knows no shorter one."""
    patterns = {}
    for n, word in enumerate(words):
        patterns[f"whole{n}"] = f"% {_escaped(word.whole)} %"
        patterns[f"fragment{n}"] = f"%{'' if len(word.fragment) > 2 else ' '}{_escaped(word.fragment)}%"
        for m, sound in enumerate(word.sounds):
            patterns[f"sound{n}_{m}"] = f"% ~{sound} %"
    return patterns


def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _answers(tier: Tier, words: Sequence[Word], place: str) -> str:
    """The condition that each word occurs at least as well as the tier says."""
    return " and ".join(_answer(tier, n, word, place) for n, word in enumerate(words))


def _answer(tier: Tier, n: int, word: Word, place: str) -> str:
    if tier is Tier.WHOLE:
        return f"{place}.words like :whole{n}"
    fragment = f"{place}.words like :fragment{n}"
    if tier is Tier.FRAGMENT or not word.sounds:
        return fragment
    sounds = " and ".join(f"{place}.words like :sound{n}_{m}" for m in range(len(word.sounds)))
    return f"({fragment} or {sounds})"


def _told_apart(tier: Tier, words: Sequence[Word], place: str) -> str:
    """The words answer as the tier says, and not better."""
    answers = _answers(tier, words, place)
    return answers if tier is Tier.WHOLE else f"{answers} and not ({_answers(Tier(tier - 1), words, place)})"
