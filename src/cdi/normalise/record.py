"""A customer twice: *canonical* for people (cleaned, displayable, what survives into the golden record) and
*normalised* for the engine (folded, tokenised, comparable). Both are pure functions of what the source said."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from cdi.fields import CanonicalData, Kind
from cdi.normalise import names, organisations
from cdi.normalise.addresses import fold_city
from cdi.normalise.canonical import Context, canonicalise
from cdi.normalise.contacts import comparable_email, phone_line
from cdi.normalise.dates import date_parts
from cdi.normalise.streets import fold_number, fold_street
from cdi.normalise.text import fold, words

__all__ = [
    "Address", "Context", "Email", "Former", "Identifier", "Json", "NormalisedRecord", "Phone", "canonicalise",
    "normalise",
]  # fmt: skip

Json = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Phone:
    """An E.164 number; `mobile` and `landline` by the country's numbering plan, both False where unknown."""

    value: str
    mobile: bool
    landline: bool
    verified: bool = False
    shared: bool = False
    doubtful: bool = False  # its source says that nobody proved it, as of a guest order


@dataclass(frozen=True, slots=True)
class Email:
    """A lower-case address. Neither `verified` nor `doubtful`: its source does not say."""

    value: str
    verified: bool = False
    shared: bool = False
    doubtful: bool = False  # its source says that nobody proved it, as of a guest order


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
    family_initial: str = ""  # where the source gave only that: "m"
    middle_initials: str = ""  # besides a full given name: "Barbara W." → "w"
    generation: str = ""  # "jun", "sen", "ii": what tells father and son apart


def normalise(canonical: CanonicalData, former: tuple[CanonicalData, ...] = ()) -> NormalisedRecord:
    """The form that the engine compares, of a canonical record and of its earlier versions (what differs of them)."""
    name: Json = canonical.get("name", {})
    organisation: Json = canonical.get("organisation", {})
    given = names.name_tokens(f"{name.get('given_name', '')} {name.get('middle_name', '')}".strip())
    family = names.name_tokens(name.get("family_name", ""))
    year, month, day = date_parts(canonical.get("birth_date", ""))
    split = organisations.split_organisation(organisation.get("name", "")) if organisation else _NO_ORGANISATION
    record = NormalisedRecord(
        kind=Kind(canonical.get("kind", Kind.PERSON)),
        given_names=given.tokens,
        family_names=family.tokens,
        birth_name=" ".join(names.name_tokens(name["birth_name"]).tokens) if "birth_name" in name else "",
        initials="" if given.tokens else given.initials,
        gender=canonical.get("gender", ""),
        birth_year=year,
        birth_month=month,
        birth_day=day,
        emails=_emails(canonical),
        phones=_phones(canonical),
        addresses=_addresses(canonical),
        organisation=split.core,
        legal_form=fold(split.legal_form or organisation.get("legal_form", "")),
        identifiers=_identifiers(canonical),
        attributes=_attributes(canonical),
        family_initial="" if family.tokens else family.initials,
        middle_initials=given.initials if given.tokens else "",
        generation=names.generation(name["suffix"]) if "suffix" in name else "",
    )
    return _with_former(record, former) if former else record


_NO_ORGANISATION: Final = organisations.OrganisationName("", "")


def _standing(item: Mapping[str, Any]) -> tuple[bool, bool, bool]:
    """Of a contact: verified, shared, and doubtful, which is an explicit "not verified" and not mere silence."""
    verified = item.get("verified")
    return verified is True, item.get("shared", False), verified is False


def _emails(canonical: CanonicalData) -> tuple[Email, ...]:
    items = canonical.get("emails")
    if not items:
        return ()
    return tuple([Email(comparable_email(item["value"]), *_standing(item)) for item in items])


def _phones(canonical: CanonicalData) -> tuple[Phone, ...]:
    items = canonical.get("phones")
    if not items:
        return ()
    return tuple([Phone(item["value"], *phone_line(item["value"]), *_standing(item)) for item in items])


def _address(street: str, number: str, code: str, city: str, region: str, country: str, form: str) -> Address:
    return Address(
        street=fold_street(street, country) if street else "",
        house_number=fold_number(number) if number else "",
        postal_code=fold(code),
        city=fold_city(city) if city else "",
        region=fold(region),
        country=country,
        form=form,
    )


def _addresses(canonical: CanonicalData) -> tuple[Address, ...]:
    items = canonical.get("addresses")
    return tuple([_address(*[item.get(part, "") for part in _COMPARED]) for item in items]) if items else ()


_COMPARED: Final = ("street", "house_number", "postal_code", "city", "region", "country", "form")


def _identifiers(canonical: CanonicalData) -> tuple[Identifier, ...]:
    return tuple(
        Identifier(
            item["type"],
            "".join(words(item["value"])),
            fold(item.get("issuer", "")),
            item.get("verified", False),
        )
        for item in canonical.get("identifiers", ())
    )


def _attributes(canonical: CanonicalData) -> tuple[tuple[str, str], ...]:
    return tuple((name, _comparable(value)) for name, value in sorted(canonical.get("attributes", {}).items()))


def _comparable(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(sorted(word for item in value for word in words(str(item))))
    return " ".join(words(str(value)))


def _with_former(record: NormalisedRecord, former: tuple[CanonicalData, ...]) -> NormalisedRecord:
    earlier = [normalise(version) for version in former]
    return replace(
        record,
        former=Former(
            family_names=_only_former(earlier, lambda r: r.family_names, record.family_names),
            emails=_only_former(earlier, lambda r: r.emails, record.emails, lambda e: e.value),
            phones=_only_former(earlier, lambda r: r.phones, record.phones, lambda p: p.value),
            addresses=_only_former(earlier, lambda r: r.addresses, record.addresses),
        ),
    )


def _only_former(
    earlier: list[NormalisedRecord],
    values: Callable[[NormalisedRecord], tuple[T, ...]],
    current: tuple[T, ...],
    same: Callable[[T], object] = lambda value: value,
) -> tuple[T, ...]:
    """Values of earlier versions that the current one has not, each once, latest version first as given."""
    known = {same(value) for value in current}
    found: dict[object, T] = {}
    for version in earlier:
        for value in values(version):
            if same(value) not in known:
                found.setdefault(same(value), value)
    return tuple(found.values())
