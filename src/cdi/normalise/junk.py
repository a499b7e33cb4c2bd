"""What people and programs write where they know nothing is not a value. The shipped list; what only the data can
tell (a number that five strangers carry) is found by the engine."""

import re
from functools import lru_cache
from typing import Final

from cdi.normalise.text import fold

_WORDS: Final = frozenset(
    ["undefined", "null", "none", "nil", "nan", "n/a", "na", "n.a.", "k.a.", "ka", "k/a", "unbekannt", "unknown", "unbek", "unbek.", "keine", "kein", "keiner", "keine-angabe", "ohne", "leer", "empty", "blank", "missing", "fehlt", "test", "tester", "testing", "xxx", "xx", "x", "yyy", "zzz", "asdf", "asdfg", "asdfgh", "qwertz", "qwerty", "abc", "abcd", "dummy", "platzhalter", "placeholder", "tbd", "tba", "todo", "diverse", "sonstige", "sonstiges", "anonym", "anonymous", "inconnu", "desconocido", "sconosciuto", "onbekend", "nieznany", "void", "default", "example", "beispiel", "foo", "bar", "foobar", "gast", "guest", "kunde", "customer"]
) | {"keine angabe", "ohne angabe", "keine angaben", "not available", "not applicable", "not provided",
     "nicht bekannt", "nicht angegeben", "no name", "kein name", "no value", "new customer", "neuer kunde",
     "barverkauf", "laufkunde", "laufkundschaft", "walk-in customer", "max mustermann"}  # fmt: skip
_NAMES_THAT_EXIST: Final = frozenset({"na", "bar", "ka", "nan", "kunde", "gast", "void", "test", "ohne", "nil"})

_EMAIL_LOCALS: Final = frozenset(
    [
        "test",
        "tests",
        "testing",
        "tester",
        "test1",
        "test123",
        "asdf",
        "abc",
        "xxx",
        "none",
        "noemail",
        "nomail",
        "no-mail",
        "no-email",
        "keine",
        "keinemail",
        "keine-email",
        "keine.email",
        "kein",
        "kunde",
        "customer",
        "guest",
        "gast",
        "dummy",
        "example",
        "beispiel",
        "unbekannt",
        "unknown",
        "noreply",
        "no-reply",
        "donotreply",
        "nobody",
        "anonymous",
        "anonym",
        "undefined",
        "null",
        "n",
        "a",
        "na",
        "mail",
        "email",
        "e-mail",
        "nospam",
        "spam",
        "fake",
        "ohne",
    ]
)
_EMAIL_DOMAINS: Final = frozenset(
    [
        "test.de",
        "test.com",
        "test.test",
        "example.com",
        "example.org",
        "example.net",
        "example.de",
        "beispiel.de",
        "kunde.de",
        "email.de",
        "none.de",
        "none.com",
        "noemail.com",
        "nomail.com",
        "no.de",
        "keine.de",
        "keine-email.de",
        "invalid",
        "localhost",
        "mailinator.com",
        "undefined.de",
        "unbekannt.de",
        "dummy.de",
        "dummy.com",
        "asdf.de",
        "asdf.com",
        "abc.de",
        "xxx.de",
        "shop.de",
    ]
)

_DATES: Final = frozenset(
    [
        "0001-01-01",
        "1000-01-01",
        "1111-11-11",
        "1753-01-01",
        "1800-01-01",
        "1899-12-30",
        "1899-12-31",
        "1900-01-01",
        "1900-01-02",
        "1901-01-01",
        "1910-01-01",
        "2222-02-02",
        "2099-12-31",
        "9999-12-31",
        "2099-01-01",
        "2999-12-31",
    ]
)

_PUNCTUATION_ONLY = re.compile(r"[\W_]*")
_ONE_CHARACTER_REPEATED = re.compile(r"(.)\1{2,}")


@lru_cache(maxsize=50_000)
def is_junk(text: str) -> bool:
    """Whether a text says "I do not know": a placeholder word, punctuation, one character again and again."""
    if not any(map(str.isalnum, text)):
        return True
    bare = fold(text).strip(" .-_*#?!()[]<>'\"")
    return bare in _WORDS or _ONE_CHARACTER_REPEATED.fullmatch(bare) is not None


@lru_cache(maxsize=50_000)
def is_junk_name(text: str) -> bool:
    """Like `is_junk`, sparing the words that are somebody's name; digits alone are no name either."""
    return (is_junk(text) and fold(text) not in _NAMES_THAT_EXIST) or not any(map(str.isalpha, text))


@lru_cache(maxsize=50_000)
def is_junk_number(digits: str) -> bool:
    """Whether the digits of a phone or card are a placeholder: 0000, 11111, 12345678, 0170 1234567."""
    core = digits.lstrip("0")
    return (
        len(set(core)) <= 1
        or len(set(core[-7:])) == 1
        or core in "1234567890" * 2
        or digits.endswith(("1234567", "12345678", "123456789", "7654321"))
    )


def is_junk_email(local: str, domain: str) -> bool:
    """Whether an address is one that nobody reads: test@test.de, noemail@shop.de, keine@email.de."""
    bare = local.replace(".", "").replace("_", "")
    if domain in _EMAIL_DOMAINS:
        return (
            domain not in {"email.de", "shop.de", "no.de", "kunde.de"}
            or local in _EMAIL_LOCALS
            or bare in _EMAIL_LOCALS
        )
    stem = domain.split(".", maxsplit=1)[0]
    return (local in _EMAIL_LOCALS or is_junk(bare)) and (stem == local or local in _NEVER_A_MAILBOX)


_NEVER_A_MAILBOX: Final = frozenset(
    [
        "noemail",
        "nomail",
        "no-mail",
        "no-email",
        "keinemail",
        "keine-email",
        "keine.email",
        "keine",
        "undefined",
        "null",
        "none",
        "noreply",
        "no-reply",
        "donotreply",
        "unbekannt",
        "unknown",
        "test",
    ]
)


def is_placeholder_date(iso: str) -> bool:
    """Whether an ISO date is one that programs write for "unknown"."""
    return iso in _DATES
