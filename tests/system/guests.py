"""Customers who come by a link, as tests say it: a browser without a screen that opens it."""

from html import unescape
from itertools import count
from typing import Any

from desks import TOKEN
from fastapi import FastAPI
from fastapi.testclient import TestClient

CLOSED = "This view is not open"


class Guest(TestClient):
    """A browser that nobody has used, at an address from which nobody came. It does not follow redirects."""

    addresses = count(1)

    def __init__(self, app: FastAPI, language: str = "en", **more: Any) -> None:
        super().__init__(
            app,
            client=(f"guest-{next(self.addresses)}", 50_000),
            follow_redirects=False,
            headers={"accept": "text/html", "accept-language": language},
            raise_server_exceptions=False,
            **more,
        )

    def press(self, action: str, /, page: str = "/my-data", **fields: Any) -> Any:
        """Post a form that stands on `page`."""
        found = TOKEN.search(self.get(page).text)
        return self.post(action, data={"form_token": found[1] if found else "", **fields})

    def open(self, link: str) -> Any:
        """Press the button of this link."""
        return self.press(link, page=link)

    def looks(self, **how: Any) -> str:
        """The words of the view."""
        answer = self.get("/my-data", **how)
        assert answer.status_code == 200, answer.text
        return unescape(answer.text)


def assert_closed(answer: Any) -> None:
    """The one answer to whatever is wrong with a link or a session."""
    assert answer.status_code == 403, answer.text
    assert CLOSED in answer.text
