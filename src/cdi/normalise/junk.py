"""What people and programs write where they know nothing is not a value. The shipped list; what only the data can
tell (a number that five strangers carry) is found by the engine."""

import re
from functools import lru_cache
from typing import Final

from cdi.normalise.text import CACHED, fold, listed

_WORDS: Final = listed(
    "undefined null none nil nan n/a na n.a k.a ka k/a unbekannt unbek unknown keine kein keiner keines fehlt ohne"
    " keine-angabe missing empty test tester testing test1 test123 xxx xx x yyy zzz asdf asdfg asdfgh qwertz qwerty"
    " abc abcd dummy platzhalter placeholder tbd tba todo anonym anonymous inconnu desconocido"
    " sconosciuto onbekend nieznany void default example beispiel foo bar foobar gast guest kunde customer"
) | frozenset(
    {
        "keine angabe", "keine angaben", "ohne angabe", "ohne angaben", "nicht bekannt", "nicht angegeben", "kein name",
        "not available", "not applicable", "not provided", "not known", "no name", "no value", "new customer",
        "neuer kunde", "neukunde", "barverkauf", "laufkunde", "laufkundschaft", "walk-in customer", "siehe oben",
        "wie oben", "s. o", "s.o",
    }
)  # fmt: skip
_ALSO_NAMES: Final = listed("na ka bar nan nil kunde gast ohne void")
"""Of these, what is somebody's name."""
_ALSO_NAMES_WITH_CAPITAL: Final = frozenset({"Null", "None", "Test", "Void"})
"""Programs write "null" and "NULL"; "Null" between two proper capitals is Mr Null."""
_NO_NAMES: Final = listed("vorname nachname name firstname lastname surname mustermann musterfrau")
_PERSONS: Final = frozenset(
    {
        "max mustermann",
        "erika mustermann",
        "john doe",
        "jane doe",
        "test test",
        "test user",
        "foo bar",
        "mustermann max",
        "vorname nachname",
    }
)

_REPEATED = re.compile(r"([^\W\d_])\1{2,}")


@lru_cache(maxsize=CACHED)
def is_junk(text: str) -> bool:
    """Whether a text says "I do not know": a placeholder word, punctuation only, one letter again and again."""
    if not any(map(str.isalnum, text)):
        return True
    bare = fold(text).strip(" .-_*#?!()[]<>'\"/")
    return bare in _WORDS or _REPEATED.fullmatch(bare) is not None


def is_junk_name(text: str) -> bool:
    """Like `is_junk`, sparing the words that are somebody's name; digits alone are no name either."""
    if not any(map(str.isalpha, text)):
        return True
    if not is_junk(text):
        return fold(text) in _NO_NAMES
    return fold(text) not in _ALSO_NAMES and text not in _ALSO_NAMES_WITH_CAPITAL


@lru_cache(maxsize=CACHED)
def is_junk_person(name: str) -> bool:
    """Whether words that may be names are together a placeholder: Max Mustermann, John Doe."""
    return fold(name).replace(",", "") in _PERSONS


_ASCENDING: Final = "01234567890123456789"
_DESCENDING: Final = _ASCENDING[::-1]


_AT_THE_END: Final = frozenset(
    ending
    for a in "0123456789"
    for b in (a, _ASCENDING[int(a) + 1])
    for ending in (a + a + a, f"00{a}", f"0{a}{b}", (_ASCENDING * 2)[int(a) :][:3], (_DESCENDING * 2)[9 - int(a) :][:3])
)
"""The last three digits that a placeholder may have: one in eighteen."""


def is_junk_number(digits: str) -> bool:
    """Whether the digits of a phone or a card are a placeholder: 0000, 11111, 12345678, 0170 1234567."""
    if len(digits) > 2 and digits.isascii() and digits[-3:] not in _AT_THE_END:
        return False
    core, tail = digits.lstrip("0"), digits[-7:]
    return (
        len(set(core)) <= 1
        or len(set(tail)) == 1
        or digits.endswith("000000")
        or core in _ASCENDING
        or (len(tail) == 7 and (tail in _ASCENDING or tail in _DESCENDING))
    )


_NEVER_A_MAILBOX: Final = listed(
    "noemail nomail keinemail keineemail keine kein ohne undefined null none nan noreply donotreply unbekannt unknown"
    " test test1 test123 tester testing nobody keinmail mail email asdf asdfgh qwertz xxx"
)
_SELDOM_A_MAILBOX: Final = listed("kunde customer gast guest dummy example beispiel anonym anonymous abc a x na")
_PLACEHOLDER_DOMAINS: Final = listed(
    "test.de test.com test.test example.com example.org example.net example.de beispiel.de noemail.com noemail.de"
    " nomail.com nomail.de none.de none.com keine.de keine-email.de keinemail.de invalid.invalid localhost.localdomain"
    " undefined.de unbekannt.de dummy.de dummy.com asdf.de asdf.com xxx.de"
)


def is_junk_email(local: str, domain: str) -> bool:
    """Whether an address is one that nobody reads: test@test.de, noemail@shop.de, kunde@kunde.de, keine@email.de."""
    return is_junk_domain(domain) or is_junk_local(local, domain.partition(".")[0])


def is_junk_domain(domain: str) -> bool:
    """Whether nobody reads what is sent to a domain."""
    return domain in _PLACEHOLDER_DOMAINS or domain.endswith((".invalid", ".test", ".localhost"))


def is_junk_local(local: str, stem: str) -> bool:
    """Whether nobody has such a mailbox at a domain that begins with `stem`."""
    bare = local.replace(".", "").replace("_", "").replace("-", "")
    return bare in _NEVER_A_MAILBOX or (bare in _SELDOM_A_MAILBOX and stem in _SELDOM_A_MAILBOX) or _same(bare, stem)


def _same(local: str, stem: str) -> bool:
    """Whether both sides of the @ are the same letter again and again: aaa@aaa.de."""
    return local == stem and len(set(local)) == 1


_DATES: Final = listed(
    "0001-01-01 1000-01-01 1111-11-11 1753-01-01 1800-01-01 1899-12-30 1899-12-31 1900-01-01 1900-01-02 1901-01-01"
    " 1910-01-01 2222-02-02 2099-12-31 2999-12-31 9999-12-31"
)


def is_placeholder_date(iso: str) -> bool:
    """Whether an ISO date is one that programs write for "unknown"."""
    return iso in _DATES
