"""`python -m bench.screens` draws every page of the desk with the sample company into docs/screens/: in German and
English, light and dark, wide and narrow; and says which address each is of. Look at them after a change of a template.

It needs Debian's Chromium and pngquant (if it is there, the files are a third of the size).
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit
from uuid import UUID

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests/system")]

from desks import DeskInBrowser, chromium, served  # noqa: E402
from playwright.sync_api import Page  # noqa: E402

from cdi import audit, deployment, keys, modelling, profiles, sample, signing_in, sources, stewardship  # noqa: E402
from cdi.access import EVERYTHING, Caller, Credential, Role  # noqa: E402
from cdi.app import create_app  # noqa: E402
from cdi.cli.installed import operator  # noqa: E402
from cdi.clock import utc_now  # noqa: E402
from cdi.fields import FieldGroup  # noqa: E402
from cdi.keys import NewKey  # noqa: E402
from cdi.pipeline import Installation, open_installation, resolve  # noqa: E402
from cdi.privacy import own_view  # noqa: E402
from cdi.privacy.requests import Office  # noqa: E402
from cdi.profiles import Query  # noqa: E402
from cdi.resolution.decisions import Verdict  # noqa: E402
from cdi.settings import load_settings  # noqa: E402
from cdi.store.conflicts import ConflictFilter  # noqa: E402

SCREENS = ROOT / "docs/screens"
STEWARD = "Eva Brandt"

PAGES = {
    "today": "/",
    "customers": "/profiles?q=Emre+Müler",
    "profile": "/profiles/{profile}",
    "profile-journey": "/profiles/{profile}/journey",
    "profile-consents": "/profiles/{profile}/consents",
    "profile-history": "/profiles/{profile}/history",
    "profile-split": "/profiles/{profile}/split",
    "reviews": "/reviews",
    "review": "/reviews/next?kind=pair",
    "conflicts": "/conflicts",
    "conflict": "/conflicts/{conflict}",
    "conflict-owner": "/conflicts/{owner_conflict}",
    "tasks": "/tasks",
    "sources": "/sources",
    "source": "/sources/callcentre",
    "source-rejected": "/sources/callcentre/rejected",
    "source-check": "/sources/webshop/check",
    "source-preview": "/sources/callcentre/preview",
    "connecting": "/sources/connect-one?connector=zendesk&name=helpdesk&owner=service_centre",
    "access": "/access",
    "access-user": "/access/user?name=Max+Sommer",
    "access-new-user": "/access/new-user",
    "access-keys": "/access/keys",
    "access-key": "/access/keys/2",
    "access-new-key": "/access/new-key",
    "privacy": "/privacy?q=M%C3%BCller",
    "privacy-customer": "/privacy/profiles/{profile}",
    "privacy-rectification": "/privacy/profiles/{profile}/rectification?attribute=name",
    "privacy-erasure": "/privacy/profiles/{profile}/erasure",
    "privacy-access": "/privacy/profiles/{profile}/access",
    "privacy-retention": "/privacy/retention",
    "audit": "/audit",
    "samples": "/reviews/samples",
    "sample": "/reviews/samples/{sample}",
    "deputies": "/reviews/deputies",
    "model": "/model?match=85",
    "model-versions": "/model/versions?first={version}",
}
"""The pages by name. {profile} is the customer of the sample company with most records among those called Müller,
{version} that of the model that decides."""
PRESSED = {"source-check", "source-preview"}
"""Pages on which the button is pressed first."""

LOOKS = {
    "en": {"language": "en", "width": 1280},
    "de-dark": {"language": "de", "width": 1280, "dark": True},
    "de-narrow": {"language": "de", "width": 360, "height": 780},
}


def draw(desk: DeskInBrowser, only: list[str]) -> Iterator[Path]:
    """The pages whose name is in `only`, all if it is empty."""
    known = {
        "profile": largest(desk.installation),
        "version": tried(desk.installation),
        "sample": drawn(desk.installation),
        **first_conflicts(desk.installation),
    }
    for look, how in LOOKS.items():
        page = desk.signed_in(STEWARD, Role.ADMIN, **how)  # type: ignore[arg-type]
        for name, place in PAGES.items():
            if not only or name in only:
                audit.seal(desk.installation.database)
                page.goto(place.format(**known))
                page.wait_for_load_state("networkidle")
                if name in PRESSED:
                    page.locator("main section form button.primary").click()
                yield shoot(page, f"{name}-{look}")
        if not only or "my-data" in only:
            page.goto(own_link(desk.installation, known["profile"]))
            yield shoot(page, f"my-data-link-{look}")
            page.locator("main form button.primary").click()
            yield shoot(page, f"my-data-{look}")
        if not only or "sign-in" in only:
            page.context.clear_cookies()
            page.goto("/sign-in")
            yield shoot(page, f"sign-in-{look}")
        page.context.close()


def largest(installation: Installation) -> str:
    """The profile of which there is most to see."""
    with installation.database.unit_of_work() as connection:
        found = profiles.find(connection, installation, EVERYTHING, Query(q="Müller"), limit=50).items
    return str(max(found, key=lambda document: len(document["records"]))["id"])


def own_link(installation: Installation, profile: str) -> str:
    """The way to the customer's own view of this profile."""
    with installation.database.unit_of_work() as connection:
        office = Office(connection, installation, operator(), utc_now())
        return urlsplit(own_view.make_link(office, UUID(profile)).url).path


def first_conflicts(installation: Installation) -> dict[str, str]:
    """One conflict of each kind."""
    with installation.database.unit_of_work() as connection:
        desk = stewardship.Desk(connection, installation, operator(), utc_now(), None)
        found = {
            kind: stewardship.list_conflicts(desk, ConflictFilter(kind=kind), 1)[0]["id"] for kind in ("value", "owner")
        }
    return {"conflict": str(found["value"]), "owner_conflict": str(found["owner"])}


def something_to_see(installation: Installation) -> None:
    """What a company at work has: calls that were exported wrongly, more people, keys, a question to an owner."""
    calls = installation.folder / "data/callcentre/calls-2026-12.csv"
    heading = "Anruf-ID;Kontaktnummer;Rufnummer;Richtung;Beginn;Dauer;Thema"
    wrong = (
        "A-502001;K-100337;anonym;eingehend;2026-12-01T10:15:00;120;Lieferung",
        "A-502002;K-100540;+49 171 5498984;eingehend;2026-12-01T11:02:00;45;Reklamation",
    )
    calls.write_text("\n".join((heading, *wrong)) + "\n", encoding="cp1252")
    sources.read_source(installation, "callcentre")
    with installation.database.unit_of_work() as connection:
        for name, role, owners in (
            ("Max Sommer", Role.STEWARD, ["retail", "marketing"]),
            ("Call centre desk", Role.READER, None),
            ("Jan Petersen", Role.STEWARD, None),
        ):
            signing_in.create_user(
                connection, name, role, utc_now(), owners=owners, groups=[FieldGroup.IDENTITY, FieldGroup.CONTACT]
            )
        signing_in.issue_link(connection, "Jan Petersen", utc_now())
        for name, role, more in (
            ("old till", Role.CONNECTOR, {"source": "shop"}),
            ("shop screen", Role.READER, {"groups": [FieldGroup.IDENTITY], "expires_at": utc_now() + timedelta(365)}),
            ("newsletter", Role.READER, {"purposes": ["newsletter"]}),
        ):
            keys.create(connection, installation, NewKey(name, role, **more), utc_now())  # type: ignore[arg-type]
        keys.revoke(connection, 1, utc_now())
        asking = Caller("Max Sommer", Role.STEWARD, EVERYTHING, credential=Credential.USER)
        desk = stewardship.Desk(connection, installation, asking, utc_now(), None)
        conflict = stewardship.list_conflicts(desk, ConflictFilter(kind="owner"), 1)[0]
        stewardship.ask_owner(desk, conflict["id"], conflict["owners"][0], "Gehört diese Kundin zu euch?")


def drawn(installation: Installation) -> str:
    """A random sample of which some pairs were judged; and somebody who is away."""
    with installation.database.unit_of_work() as connection:
        desk = stewardship.Desk(connection, installation, replace(operator(), name=STEWARD), utc_now(), None)
        sample = stewardship.draw_sample(desk, 50, seed=1)
        for place in range(1, 15):
            stewardship.judge_pair(desk, sample["id"], place, Verdict.NO_MATCH if place == 9 else Verdict.MATCH)
        stewardship.name_deputy(desk, "Jan Petersen", utc_now() + timedelta(9), steward="Max Sommer")
    return str(sample["id"])


def tried(installation: Installation) -> str:
    """The version of the model that decides, tried out, so that its page has something to tell."""
    with installation.database.unit_of_work() as connection:
        modelling.studies.ask(installation, connection, "default", STEWARD, utc_now())
    modelling.studies.work_out(installation, lambda *_: None)
    with installation.database.unit_of_work() as connection:
        return next(one.version for one in modelling.list_versions(connection) if one.active)


def shoot(page: Page, name: str) -> Path:
    """One picture; of a long page the first three screens."""
    path = SCREENS / f"{name}.png"
    size = page.viewport_size or {"width": 1280, "height": 900}
    height = min(page.evaluate("document.documentElement.scrollHeight"), 3 * size["height"])
    page.screenshot(path=path, full_page=True, clip={"x": 0, "y": 0, "width": size["width"], "height": height})
    if shutil.which("pngquant"):
        subprocess.run(["pngquant", "--force", "--ext", ".png", "--quality", "60-90", str(path)], check=False)
    return path


def main() -> None:
    SCREENS.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:
        deployment.create_folder(Path(folder) / "company")
        settings = load_settings(Path(folder) / "company")
        with sample.running(settings), open_installation(settings) as installation:
            sources.sync_sources(installation)
            resolve(installation)
            something_to_see(installation)
            with served(create_app(installation)) as url, chromium() as browser:
                for path in draw(DeskInBrowser(installation, url, browser), sys.argv[1:]):
                    print(f"{path.relative_to(ROOT)} {path.stat().st_size // 1024} kB")


if __name__ == "__main__":
    main()
