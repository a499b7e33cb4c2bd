"""The calls of the API, as an application makes them."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Self
from uuid import uuid4

import httpx

from cdi.client.calling import PATIENT, Caller, Retries
from cdi.client.errors import MovedError
from cdi.client.shapes import Change, Hit, Moved, Profile, Pushed, Record, Review

PAGE = 200
"""Profiles or reviews asked for at once."""


class Client:
    """One cdi, for one API key; use it in a `with`, or close it. It may be used by several threads.

    `purpose` is what the answers are used for: sources that may not be used for it are left out. `timeout` in seconds
    holds for each attempt. `transport` is httpx's, for a proxy or a certificate authority of one's own.
    """

    def __init__(
        self,
        base_url: str,
        key: str,
        *,
        purpose: str | None = None,
        timeout: float = 10.0,
        retries: Retries = PATIENT,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        headers = {"Authorization": f"Bearer {key}", "User-Agent": "cdi-client"}
        self._http = httpx.Client(base_url=base_url, headers=headers, timeout=timeout, transport=transport)
        self._caller = Caller(self._http, retries)
        self._purpose = {} if purpose is None else {"purpose": purpose}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _get(self, path: str, **params: Any) -> httpx.Response:
        return self._caller.call("GET", path, params=params | self._purpose)

    def _below(self, profile_id: str, what: str, **params: Any) -> Any:
        """What there is below a profile; MovedError if its id is retired."""
        response = self._get(f"/v1/profiles/{profile_id}/{what}", **params)
        if response.status_code >= httpx.codes.MULTIPLE_CHOICES:
            raise MovedError(response.json()["profiles"])
        return response.json()

    def _ask(self, path: str, body: Any) -> Any:
        """A POST that changes nothing."""
        return self._caller.call("POST", path, params=self._purpose, body=body, safe=True).json()

    # -- profiles --------------------------------------------------------------------------------------

    def profile(self, profile_id: str) -> Profile | Moved:
        """The profile with this id; of a retired id, where its records are now. GoneError when it ended."""
        response = self._get(f"/v1/profiles/{profile_id}")
        if response.is_redirect or response.status_code == httpx.codes.MULTIPLE_CHOICES:
            return Moved(profile_id, response.json()["profiles"])
        return Profile.of(response.json())

    def profiles(self, ids: Sequence[str]) -> dict[str, Profile | Moved | None]:
        """Many profiles by their ids, however many; None for what is unknown, may not be seen, or ended."""
        found: dict[str, Profile | Moved | None] = {}
        for first in range(0, len(ids), PAGE):
            for entry in self._ask("/v1/profiles/batch", {"ids": list(ids[first : first + PAGE])})["profiles"]:
                found[entry["id"]] = _entry(entry)
        return found

    def find(
        self,
        *,
        email: str | None = None,
        phone: str | None = None,
        identifier: str | None = None,
        source: str | None = None,
        key: str | None = None,
        q: str | None = None,
        data_owner: str | None = None,
        updated_since: str | None = None,
        limit: int | None = None,
    ) -> Iterator[Profile]:
        """Profiles that answer to all that is given, page by page as they are asked for, at most `limit`. Without
        anything: all."""
        wanted = {
            "email": email, "phone": phone, "identifier": identifier, "source": source, "key": key, "q": q,
            "data_owner": data_owner, "updated_since": updated_since,
        }  # fmt: skip
        left = limit
        after: str | None = None
        while left is None or left > 0:
            size = PAGE if left is None else min(PAGE, left)
            page = self._get("/v1/profiles", **wanted, limit=size, after=after).json()
            yield from map(Profile.of, page["profiles"])
            left = None if left is None else left - len(page["profiles"])
            after = page["after"]
            if after is None:
                return

    def lookup(self, record: Mapping[str, Any], *, limit: int = 5) -> list[Hit]:
        """The profiles that a record (canonical attributes) may be about, the likeliest first. Nothing is written."""
        found = self._ask("/v1/profiles/lookup", {"record": dict(record), "limit": limit})["profiles"]
        return [
            Hit(Profile.of(hit["profile"]), hit["probability"], hit["weight"], hit["judgement"], hit) for hit in found
        ]

    def touchpoints(self, profile_id: str, **wanted: Any) -> Iterator[Mapping[str, Any]]:
        """The journey, newest first, page by page; `channel`, `kind`, `since`, `until` and `open` narrow it."""
        after: str | None = None
        while True:
            page = self._below(profile_id, "touchpoints", **wanted, after=after)
            yield from page["touchpoints"]
            after = page["after"]
            if after is None:
                return

    def contactability(self, profile_id: str, purpose: str) -> Mapping[str, Any]:
        """By channel: may this customer be contacted now for this purpose, why not, and when next."""
        answer: Mapping[str, Any] = self._below(profile_id, "contactability", purpose=purpose)
        return answer

    # -- pushing ---------------------------------------------------------------------------------------

    def push(
        self, source: str, records: Sequence[Record], *, wait: bool = True, idempotency_key: str | None = None
    ) -> Pushed:
        """Push up to 1,000 records. A key is made up for each call, so that it may be repeated when its answer is lost;
        name your own to repeat it later, in another process, too."""
        answer = self._caller.call(
            "POST",
            f"/v1/sources/{source}/records",
            body={"records": [record.as_json() for record in records], "wait": wait},
            headers={"Idempotency-Key": idempotency_key or str(uuid4())},
        ).json()
        return Pushed(answer["accepted"], answer["unchanged"], answer["rejected"], answer["affected"], answer)

    # -- reviews ---------------------------------------------------------------------------------------

    def reviews(self, **wanted: Any) -> Iterator[Review]:
        """The steward's queue, oldest first, page by page; `owner`, `kind`, `status` and `profile` narrow it."""
        after: int | None = None
        while True:
            page = self._get("/v1/reviews", **wanted, limit=PAGE, after=after).json()
            for document in page["reviews"]:
                yield Review(document["id"], document.get("etag"), document)
            after = page["after"]
            if after is None:
                return

    def decide(
        self, review_id: int, verdict: str, reason: str, *, etag: str | None = None, idempotency_key: str | None = None
    ) -> Mapping[str, Any]:
        """Answer a review: match, household, no_match or unsure. With the `etag` of what was read it is refused
        (StaleError) if that changed meanwhile."""
        headers = {"Idempotency-Key": idempotency_key or str(uuid4())}
        if etag is not None:
            headers["If-Match"] = f'"{etag}"'
        body = {"verdict": verdict, "reason": reason}
        answer = self._caller.call("POST", f"/v1/reviews/{review_id}/decision", body=body, headers=headers)
        document: Mapping[str, Any] = answer.json()
        return document

    # -- the change feed -------------------------------------------------------------------------------

    def cursor(self) -> int:
        """The newest cursor that there is: take it, list all profiles (`find()`), then follow `changes(after=cursor)`;
        nothing that happens meanwhile is missed."""
        newest: int = self._get("/v1/changes", after=0, limit=1).json()["newest"]
        return newest

    def changes(
        self,
        after: int,
        *,
        types: Sequence[str] = (),
        data_owners: Sequence[str] = (),
        sources: Sequence[str] = (),
        follow: bool = False,
        every: float = 1.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> Iterator[Change]:
        """The change feed after a cursor, in order. Keep `cursor` of the last change that was worked off, and begin
        there again. With `follow` it never ends: it asks again `every` so many seconds.

        Raises GoneError if the feed cannot go on from there: begin anew, with `cursor()` and all profiles.
        """
        wanted = {"type": list(types), "data_owner": list(data_owners), "source": list(sources)}
        while True:
            page = self._get("/v1/changes", after=after, limit=1_000, **wanted).json()
            yield from map(Change.of, page["changes"])
            after = page["after"]
            if not page["more"]:
                if not follow:
                    return
                sleep(every)


def _entry(entry: Mapping[str, Any]) -> Profile | Moved | None:
    if "profile" in entry:
        return Profile.of(entry["profile"])
    return Moved(entry["id"], entry["profiles"]) if entry.get("profiles") else None
