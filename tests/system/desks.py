"""The desk as its users have it: a server on loopback, Debian's Chromium before it, people signed in.

`browser` and `desk` are fixtures of tests/system/conftest.py. What every page has to be (accessible, nothing cut off or
overlapping) is asserted by `assert_accessible` and `assert_fits`.
"""

import json
import re
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from cdi import signing_in
from cdi.access import Role
from cdi.app import create_app
from cdi.clock import utc_now
from cdi.fields import FieldGroup
from cdi.pipeline import Installation

CHROMIUM = Path("/usr/bin/chromium")
AXE = Path(__file__).parents[2] / "var" / "axe-core" / "axe.min.js"
SWITCHES = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDTHS = (360, 1280, 3840)
TOKEN = re.compile(r'name="form_token" value="(\w+)"')
PASSWORD = "correct horse battery"  # of users made here


def add_user(
    installation: Installation,
    name: str,
    role: Role,
    *,
    owners: Sequence[str] | None = None,
    groups: Sequence[FieldGroup] = (),
    sensitive: bool = False,
) -> None:
    """A user of the desk with PASSWORD; one that is there stays."""
    with installation.database.unit_of_work() as connection:
        if all(user.name != name for user in signing_in.users.list_users(connection)):
            signing_in.create_user(
                connection,
                name,
                role,
                utc_now(),
                password=PASSWORD,
                owners=owners,
                groups=groups,
                sensitive=sensitive,
            )


def link_for(installation: Installation, name: str) -> str:
    """The path of a link that signs this user in."""
    with installation.database.unit_of_work() as connection:
        return f"/sign-in/link?token={signing_in.issue_link(connection, name, utc_now())}"


class PageClient(TestClient):
    """A browser without a screen: it keeps cookies and posts forms with their token. It does not follow redirects."""

    def __init__(self, app: FastAPI, language: str = "en") -> None:
        super().__init__(
            app,
            follow_redirects=False,
            headers={"accept": "text/html", "accept-language": language},
            raise_server_exceptions=False,
        )

    def form_token(self, page: str = "/") -> str:
        """The token that the forms of this page carry."""
        found = TOKEN.search(self.get(page, follow_redirects=True).text)
        assert found, f"{page} has no form"
        return found[1]

    def submit(self, action: str, /, page: str = "/", **fields: Any) -> Any:
        """Post a form that stands on `page`."""
        return self.post(action, data={"form_token": self.form_token(page), **fields})


def signed_in(
    installation: Installation, app: FastAPI, name: str = "", role: Role = Role.ADMIN, **more: Any
) -> PageClient:
    """A PageClient of a user of this role; `more` as for `add_user`, `language` as for PageClient."""
    client = PageClient(app, more.pop("language", "en"))
    name = name or f"test {role}"
    add_user(installation, name, role, **more)
    link = link_for(installation, name)
    answer = client.submit("/sign-in/link", page=link, token=link.partition("=")[2])
    assert answer.status_code == 303, answer.text
    return client


# -- in a browser ----------------------------------------------------------------------------------


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """The application on a port of loopback; its address."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=10)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium; a test that needs it skips where it is not installed."""
    if not CHROMIUM.exists():
        pytest.skip("Chromium is not installed; .ci/browser (as root) or apt-get install chromium gets it")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=SWITCHES)
        yield browser
        browser.close()


@dataclass
class DeskInBrowser:
    """The desk of one installation, and a browser before it."""

    installation: Installation
    url: str
    browser: Browser

    def open(
        self, *, width: int = 1280, height: int = 900, language: str = "en", dark: bool = False, scripts: bool = True
    ) -> Page:
        """A new window of a browser that nobody has used."""
        context: BrowserContext = self.browser.new_context(
            base_url=self.url,
            viewport={"width": width, "height": height},
            locale="de-DE" if language == "de" else "en-GB",
            color_scheme="dark" if dark else "light",
            java_script_enabled=scripts,
            reduced_motion="reduce",
        )
        context.set_default_timeout(40_000)  # a busy machine is no fault of the page
        page = context.new_page()
        page.on("console", lambda message: _note_fault(faults_of(page), message))
        page.on("pageerror", lambda error: faults_of(page).append(str(error)))
        return page

    def signed_in(
        self, name: str = "", role: Role = Role.ADMIN, owners: Sequence[str] | None = None, **how: Any
    ) -> Page:
        """A window in which this user is signed in; `how` as for `open`."""
        name = name or f"test {role}"
        add_user(self.installation, name, role, owners=owners)
        page = self.open(**how)
        page.goto(link_for(self.installation, name))
        page.locator("main form button.primary").click()
        page.wait_for_url(f"{self.url}/")
        return page


_FAULTS: dict[Page, list[str]] = {}


def faults_of(page: Page) -> list[str]:
    """What the browser complained about on this page: errors of scripts, what the policy refused."""
    return _FAULTS.setdefault(page, [])


def _note_fault(faults: list[str], message: Any) -> None:
    if message.type == "error" and "the server responded with a status of" not in message.text:
        faults.append(message.text)


def assert_no_complaints(page: Page) -> None:
    """The browser had nothing to complain about."""
    assert faults_of(page) == []


def assert_accessible(page: Page) -> None:
    """axe-core finds no violation (WCAG 2.2 A and AA, and its good practices)."""
    if not AXE.exists():
        pytest.skip("axe-core is not there; .ci/browser puts it into var/axe-core")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    told = [
        f"{one['id']}: {one['help']}\n    "
        + "\n    ".join(f"{n['target']} {n['html'][:150]}" for n in one["nodes"][:4])
        for one in found["violations"]
    ]
    assert not told, f"{page.url}\n" + "\n".join(told)


FITTING = Path(__file__).with_name("fitting.js").read_text(encoding="utf-8")


def assert_fits(page: Page) -> None:
    """Nothing is wider than the page, cut off, or lies over something else."""
    faults = page.evaluate(FITTING)
    assert not faults, f"{page.url} at {json.dumps(page.viewport_size)}\n" + "\n".join(faults)


def assert_good_page(desk: DeskInBrowser, place: str, **who: Any) -> None:
    """What every page has to be: without violations light and dark, fitting at every width in both languages, and
    without a complaint of the browser. Call it once for each page."""
    for language in ("en", "de"):
        for dark in (False, True):
            page = desk.signed_in(**who, language=language, dark=dark)
            page.goto(place)
            for width in WIDTHS if not dark else WIDTHS[:1]:
                page.set_viewport_size({"width": width, "height": 900})
                assert_fits(page)
            assert_accessible(page)
            assert_no_complaints(page)
            page.context.close()


def desk_app(installation: Installation) -> FastAPI:
    """The application of this installation."""
    return create_app(installation)
