"""`python -m bench.screens` draws every page of the desk with the sample company into docs/screens/: in German and
English, light and dark, wide and narrow; and says which address each is of. Look at them after a change of a template.

It needs Debian's Chromium and pngquant (if it is there, the files are a third of the size).
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests/system")]

from desks import DeskInBrowser, chromium, served  # noqa: E402
from playwright.sync_api import Page  # noqa: E402

from cdi import deployment, profiles, sample, sources  # noqa: E402
from cdi.access import EVERYTHING, Role  # noqa: E402
from cdi.app import create_app  # noqa: E402
from cdi.pipeline import Installation, open_installation, resolve  # noqa: E402
from cdi.profiles import Query  # noqa: E402
from cdi.settings import load_settings  # noqa: E402

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
}
"""The pages by name. {profile} is the customer of the sample company with most records among those called Müller."""

LOOKS = {
    "en": {"language": "en", "width": 1280},
    "de-dark": {"language": "de", "width": 1280, "dark": True},
    "de-narrow": {"language": "de", "width": 360, "height": 780},
}


def draw(desk: DeskInBrowser, only: list[str]) -> Iterator[Path]:
    """The pages whose name is in `only`, all if it is empty."""
    profile = largest(desk.installation)
    for look, how in LOOKS.items():
        page = desk.signed_in(STEWARD, Role.ADMIN, **how)  # type: ignore[arg-type]
        for name, place in PAGES.items():
            if not only or name in only:
                page.goto(place.format(profile=profile))
                yield shoot(page, f"{name}-{look}")
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
            with served(create_app(installation)) as url, chromium() as browser:
                for path in draw(DeskInBrowser(installation, url, browser), sys.argv[1:]):
                    print(f"{path.relative_to(ROOT)} {path.stat().st_size // 1024} kB")


if __name__ == "__main__":
    main()
