"""A record as the columns hold it, in one line of text: its *card*, which is what a store keeps for the engine.

A card is the cells of `CELLS` with a tab between them. A cell of a field with many values holds them with `APART`
between them, each behind one digit, its flags. Of homes each part has a cell of its own; the flags stand before the
street, so that no cell of streets is empty where there is a home. Attributes are name, value, name, value, and so on.
"""

from typing import TYPE_CHECKING, Final, TypeAlias

from cdi.matching.columns import DOUBTFUL, FORMER, GENDERS, KINDS, MAX_VALUES, SEPARATOR, VERIFIED

if TYPE_CHECKING:  # to load what normalises takes a third of the time that a matching process needs to begin
    from cdi.normalise.record import Address, Email, NormalisedRecord, Phone

Card: TypeAlias = str

BETWEEN: Final = "\t"
"""Between the cells of a card."""
APART: Final = "\x1d"
"""Between the values of a cell."""

NUMBERS: Final = ("kind", "gender", "birth")
TEXTS: Final = ("given", "initials", "family", "birth_name", "generation", "organisation", "legal_form")
TOLD: Final = ("former_family", "emails", "mobiles", "landlines", "identifiers")
HOMES: Final = ("street", "number", "postal_code", "city", "region")
CELLS: Final = (*NUMBERS, *TEXTS, *TOLD, *HOMES, "attributes")

# What tells cells and cards apart stands in no value, nor does what a reader of lines takes for an end or the
# database does not take at all. Nothing that was normalised holds any of it; this is for what comes from elsewhere.
_BLANKS: Final = str.maketrans(dict.fromkeys("\0\t\n\r\x1d", " "))


def card_of(record: "NormalisedRecord") -> Card:
    """The card of a record."""
    phones = [(phone, 0) for phone in record.phones] + [(phone, FORMER) for phone in record.former.phones]
    return BETWEEN.join(
        (
            str(KINDS[record.kind]),
            str(GENDERS.get(record.gender, 0)),
            str(record.birth_year * 10000 + record.birth_month * 100 + record.birth_day),
            _plain(" ".join(record.given_names)),
            _plain(record.initials or record.middle_initials),
            _plain(" ".join(record.family_names) or record.family_initial[:1]),
            _plain(record.birth_name),
            _plain(record.generation),
            _plain(record.organisation),
            _plain(record.legal_form),
            _told([(name, FORMER) for name in record.former.family_names]),
            _told(_emails(record.emails, 0) + _emails(record.former.emails, FORMER)),
            _told([_phone(phone, flag) for phone, flag in phones if phone.mobile]),
            _told([_phone(phone, flag) for phone, flag in phones if not phone.mobile]),
            _told(
                [
                    (SEPARATOR.join((i.type, i.issuer, i.value)), VERIFIED if i.verified else 0)
                    for i in record.identifiers
                ]
            ),
            *_homes(record),
            _attributes(record),
        )
    )


def _plain(value: str) -> str:
    return value if value.isprintable() else value.translate(_BLANKS)


def _told(items: list[tuple[str, int]]) -> str:
    """The cell of these values and their flags: each once, with the flags that it has first."""
    if not items:
        return ""
    kept = {_plain(value): flags for value, flags in reversed(items) if value}
    return APART.join([f"{flags}{value}" for value, flags in list(kept.items())[::-1][:MAX_VALUES]])


def _homes(record: "NormalisedRecord") -> tuple[str, ...]:
    """The cells of its addresses, in the order of `HOMES`."""
    addresses = [(a, 0) for a in record.addresses] + [(a, FORMER) for a in record.former.addresses]
    homes = [(a, flag) for a, flag in addresses if a.form not in {"packstation", "po_box"}][:MAX_VALUES]
    if not homes:
        return ("",) * len(HOMES)
    parts = zip(*(_home(address, flag) for address, flag in homes), strict=True)
    return tuple(map(APART.join, parts))


def _home(address: "Address", flags: int) -> tuple[str, str, str, str, str]:
    return (
        f"{flags}{_plain(address.street)}",
        _plain(address.house_number),
        _plain(address.postal_code),
        _plain(address.city),
        _plain(address.region),
    )


def _attributes(record: "NormalisedRecord") -> str:
    if not record.attributes:
        return ""
    named = {_plain(name): _plain(value) for name, value in record.attributes}
    return APART.join([part for attribute in named.items() for part in attribute])


def _emails(emails: "tuple[Email, ...]", flag: int) -> list[tuple[str, int]]:
    return [(e.value, flag | (DOUBTFUL if e.shared or e.doubtful else 0)) for e in emails]


def _phone(phone: "Phone", flag: int) -> tuple[str, int]:
    return phone.value, flag | (DOUBTFUL if phone.shared or phone.doubtful else 0)
