"""From one page to the next: small objects, each of which changes a request by what the last answer said."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, Protocol
from urllib.parse import urljoin

from cdi.ingest.blueprint import CursorPage, Keyset, NextUrl, Offset, PageNumber, Paging
from cdi.ingest.expressions import Evaluate, is_false
from cdi.ingest.http_session import Call
from cdi.ingest.mapping import Compilation, Loc, condition


class Page(NamedTuple):
    """One answer as a paginator sees it."""

    document: Any
    links: Mapping[str, str]
    records: Sequence[Any]


class Paginator(Protocol):
    """`first` prepares the first request; `next` gives the following one, or None after the last page."""

    def first(self, call: Call) -> Call: ...

    def next(self, call: Call, page: Page) -> Call | None: ...


def put(call: Call, into: str, value: Any) -> Call:
    """The call with `value` at a dotted place: params.page, body.page, body.variables.after."""
    part, *path = into.split(".")
    if part == "params":
        return replace(call, params={**call.params, ".".join(path): value})
    return replace(call, body=_put(call.body, path, value))


def without(call: Call, place: str) -> Call:
    """The call without the parameter at `params.NAME`."""
    name = place.removeprefix("params.")
    return replace(call, params={key: value for key, value in call.params.items() if key != name})


def _put(document: Any, path: Sequence[str], value: Any) -> Any:
    if not path:
        return value
    inside = document if isinstance(document, dict) else {}
    return {**inside, path[0]: _put(inside.get(path[0]), path[1:], value)}


class OnePage:
    """Everything is in one answer."""

    def first(self, call: Call) -> Call:
        return call

    def next(self, _call: Call, _page: Page) -> Call | None:
        return None


class ByPage:
    """Page after page until one is empty: a server may give less than was asked for."""

    def __init__(self, spec: PageNumber) -> None:
        self.spec = spec
        self.page = spec.start

    def first(self, call: Call) -> Call:
        self.page = self.spec.start
        if self.spec.size is not None and self.spec.size_into is not None:
            call = put(call, self.spec.size_into, self.spec.size)
        return put(call, self.spec.into, self.page)

    def next(self, call: Call, page: Page) -> Call | None:
        if not page.records:
            return None
        self.page += 1
        return put(call, self.spec.into, self.page)


class ByOffset:
    """The number of records so far, until a page is empty."""

    def __init__(self, spec: Offset) -> None:
        self.spec = spec
        self.offset = 0

    def first(self, call: Call) -> Call:
        self.offset = 0
        return put(put(call, self.spec.size_into, self.spec.size), self.spec.into, 0)

    def next(self, call: Call, page: Page) -> Call | None:
        if not page.records:
            return None
        self.offset += len(page.records)
        return put(call, self.spec.into, self.offset)


class ByNextUrl:
    """The address of the next page, from the body or from the Link header."""

    def __init__(self, find: Evaluate | None) -> None:
        self.find = find

    def first(self, call: Call) -> Call:
        return call

    def next(self, call: Call, page: Page) -> Call | None:
        url = self.find(page.document) if self.find else page.links.get("next")
        return replace(call, url=urljoin(call.url, str(url)), params={}) if url else None


class ByCursor:
    """A token in the answer, and perhaps a word on whether there is more."""

    def __init__(self, spec: CursorPage, find: Evaluate, more: Evaluate | None) -> None:
        self.spec = spec
        self.find = find
        self.more = more

    def first(self, call: Call) -> Call:
        return call

    def next(self, call: Call, page: Page) -> Call | None:
        token = self.find(page.document)
        if is_false(token) or (self.more is not None and is_false(self.more(page.document))):
            return None
        for place in self.spec.drop:
            call = without(call, place)
        return put(call, self.spec.into, token)


class ByKeyset:
    """After the last record's key, until a page is empty."""

    def __init__(self, spec: Keyset, field: Evaluate) -> None:
        self.spec = spec
        self.field = field

    def first(self, call: Call) -> Call:
        return call

    def next(self, call: Call, page: Page) -> Call | None:
        last = self.field(page.records[-1]) if page.records else None
        return None if last is None else put(call, self.spec.into, last)


def compile_paginator(paging: Paging, shared: Compilation, place: Loc) -> Callable[[], Paginator]:
    """What makes a fresh paginator for each reading; faults of the manifest are noted in `shared`."""
    match paging:
        case PageNumber():
            return lambda: ByPage(paging)
        case Offset():
            return lambda: ByOffset(paging)
        case NextUrl():
            url = None if paging.next is None else condition(paging.next, shared, (*place, "next"))
            return lambda: ByNextUrl(url)
        case CursorPage():
            token = condition(paging.next, shared, (*place, "next"))
            more = None if paging.more is None else condition(paging.more, shared, (*place, "more"))
            return lambda: ByCursor(paging, token, more)
        case Keyset():
            field = condition(paging.field, shared, (*place, "field"))
            return lambda: ByKeyset(paging, field)
        case _:
            return OnePage
