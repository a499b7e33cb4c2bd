"""A customer twice: *canonical* for people (cleaned, displayable, what survives into the golden record) and
*normalised* for the engine (folded, tokenised, comparable). Both are pure functions of what the source said."""

from dataclasses import dataclass

from cdi.fields import CanonicalData, Kind


@dataclass(frozen=True, slots=True)
class Phone:
    """An E.164 number; `mobile` and `landline` by the country's numbering plan, both False where unknown."""

    value: str
    mobile: bool
    landline: bool
    verified: bool = False
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Email:
    """A lower-case address. `verified` False means that nobody proved it (a guest order)."""

    value: str
    verified: bool = False
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Address:
    """Folded parts of a postal address; empty where missing. Packstation and PO box are never a home."""

    street: str = ""  # folded, "str." and "strasse" alike, without the number
    house_number: str = ""  # "12a", "5-7"
    postal_code: str = ""
    city: str = ""
    region: str = ""
    country: str = ""  # ISO 3166 alpha-2
    form: str = ""


@dataclass(frozen=True, slots=True)
class Identifier:
    """A number that somebody gave to exactly one customer, as comparable text."""

    type: str
    value: str
    issuer: str = ""
    verified: bool = False


@dataclass(frozen=True, slots=True)
class Former:
    """Values that earlier versions of the same record had: evidence for what moves in life, nothing else."""

    family_names: tuple[str, ...] = ()
    emails: tuple[Email, ...] = ()
    phones: tuple[Phone, ...] = ()
    addresses: tuple[Address, ...] = ()


@dataclass(frozen=True, slots=True)
class NormalisedRecord:
    """What the engine compares. Strings are folded (lower case, ae/oe/ue for umlauts, ss, no accents); an empty
    string, 0 or () is *missing*, which is no evidence; placeholders and junk became missing."""

    kind: Kind = Kind.PERSON
    given_names: tuple[str, ...] = ()  # tokens in order, middle names included: ("anna", "maria")
    family_names: tuple[str, ...] = ()  # tokens without particles and titles: ("mueller", "luedenscheidt")
    birth_name: str = ""
    initials: str = ""  # initials where the source gave only those: "a"
    gender: str = ""  # "f", "m", "x"
    birth_year: int = 0
    birth_month: int = 0
    birth_day: int = 0
    emails: tuple[Email, ...] = ()
    phones: tuple[Phone, ...] = ()
    addresses: tuple[Address, ...] = ()
    organisation: str = ""  # core name without legal form: "beispiel handel"
    legal_form: str = ""
    identifiers: tuple[Identifier, ...] = ()
    attributes: tuple[tuple[str, str], ...] = ()
    former: Former = Former()


@dataclass(frozen=True, slots=True)
class Context:
    """What a source's country and language decide where a value does not say it itself."""

    country: str = "DE"
    language: str = "de"
    day_first: bool | None = None  # of ambiguous dates, told by the column; None: by the country


def canonicalise(data: CanonicalData, context: Context) -> CanonicalData:
    """Canonical attributes with clean, displayable values; junk and placeholders are left out. Idempotent."""
    raise NotImplementedError


def normalise(canonical: CanonicalData, former: tuple[CanonicalData, ...] = ()) -> NormalisedRecord:
    """The form that the engine compares, of a canonical record and of its earlier versions."""
    raise NotImplementedError
