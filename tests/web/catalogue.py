"""The messages of the desk against its catalogues. `python tests/web/catalogue.py` adds to each catalogue the messages
that its page has and it lacks, and drops those that are no longer used; then translate what is empty.

Messages of `templates/reviews.html` and `reviews.py` go into `locales/de/reviews.po`. One that several pages use stands
in `desk.po`.
"""

import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from cdi.web.languages import LOCALES

WEB = LOCALES.parent
SHARED = "desk"
KEYWORDS = {"gettext": None, "ngettext": (1, 2), "_": None, "N_": None}
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]
OPTIONS = {"**.html": {"extensions": "jinja2.ext.i18n", "trim_blocks": "true", "lstrip_blocks": "true"}}
MessageId = str | tuple[str, ...]


def used() -> dict[MessageId, set[str]]:
    """Every message of the desk, and the pages (names of files) that use it."""
    found: dict[MessageId, set[str]] = defaultdict(set)
    options = {"templates/**.html": OPTIONS["**.html"]}
    for name, _, message, _, _ in extract_from_dir(WEB, METHODS, options, KEYWORDS):
        for one in (tuple(message) if isinstance(message, tuple) else message,):
            if one:
                found[one].add(Path(name).stem)
    return dict(found)


def home(pages: set[str]) -> str:
    """The catalogue in which a message that these pages use stands."""
    return next(iter(pages)) if len(pages) == 1 else SHARED


def catalogues(language: str) -> dict[str, Catalog]:
    """The catalogues of a language, by page."""
    read = {}
    for path in sorted((LOCALES / language).glob("*.po")):
        with path.open("rb") as file:
            read[path.stem] = read_po(file, locale=language)
    return read


def translated(language: str) -> Iterator[tuple[str, Message]]:
    """Every entry of the catalogues, with the page."""
    for page, catalogue in catalogues(language).items():
        for message in catalogue:
            if message.id:
                yield page, message


def update(language: str) -> None:
    """Bring the catalogues of a language to what the pages use; what is translated stays where it stands."""
    standing = {message.id: message.string for _, message in translated(language)}
    places = {message.id: page for page, message in translated(language)}
    wanted: dict[str, list[MessageId]] = defaultdict(list)
    for message, pages in used().items():
        wanted[places.get(message) or home(pages)].append(message)
    for path in (LOCALES / language).glob("*.po"):
        if path.stem not in wanted:
            path.unlink()
    (LOCALES / language).mkdir(parents=True, exist_ok=True)
    for page, messages in wanted.items():
        catalogue = Catalog(locale=language, charset="utf-8", fuzzy=False)
        for message in messages:
            catalogue.add(message, standing.get(message) or ("" if isinstance(message, str) else ("", "")))
        with (LOCALES / language / f"{page}.po").open("wb") as file:
            write_po(file, catalogue, width=120, omit_header=True, sort_output=True)


if __name__ == "__main__":
    update("de")
    missing = [str(message.id) for _, message in translated("de") if not any(message.string)]
    print("\n".join(missing) or "every message is translated")
    subprocess.run(["git", "-C", str(WEB), "status", "--short", "locales"], check=False)
