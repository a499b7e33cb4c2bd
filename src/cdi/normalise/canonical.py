"""What people see of a customer: each attribute cleaned by the rules of its kind, junk left out, nothing invented.

Idempotent: canonical data pass through unchanged.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, NamedTuple

from cdi.errors import BadRecordError
from cdi.fields import ADDRESS_PARTS, ATTRIBUTES, NAME_PARTS, CanonicalData, Kind
from cdi.normalise import contacts, names, organisations
from cdi.normalise.addresses import AddressParts, canonical_address
from cdi.normalise.casing import decent_case
from cdi.normalise.countries import country_code
from cdi.normalise.dates import parse_date
from cdi.normalise.identifiers import canonical_identifier
from cdi.normalise.junk import is_junk
from cdi.normalise.shapes import MAX_ATTRIBUTES, bad_shape, block, blocks, flag, text
from cdi.normalise.text import clean, fold, listed, lower
from cdi.normalise.usual import usual_address, usual_date, usual_email, usual_name, usual_phone


@dataclass(frozen=True, slots=True)
class Context:
    """What a source's country and language decide where a value does not say it itself."""

    country: str = "DE"
    language: str = "de"
    day_first: bool | None = None  # of ambiguous dates, told by the column; None: by the country


_PARTS: Final = {name: frozenset(attribute.parts) for name, attribute in ATTRIBUTES.items()}
_KNOWN: Final = frozenset(ATTRIBUTES)
_NAME_PATHS: Final = {part: f"name.{part}" for part in NAME_PARTS}
_ADDRESS_PATHS: Final = {part: f"addresses.{part}" for part in ADDRESS_PARTS}
_NAME_FIELDS: Final = tuple(part for part in NAME_PARTS if part != "full")

_PERSON: Final = Kind.PERSON.value
_ORGANISATION: Final = Kind.ORGANISATION.value
_KINDS: Final = {
    **dict.fromkeys(listed("person individual consumer b2c private privat privatkunde natural mensch"), _PERSON),
    **dict.fromkeys(
        listed(
            "organisation organization company firma business b2b corporate unternehmen firmenkunde geschaeftskunde"
        ),
        _ORGANISATION,
    ),
}
_LANGUAGES: Final = {
    "deutsch": "de", "german": "de", "englisch": "en", "english": "en", "franzoesisch": "fr", "french": "fr",
    "francais": "fr", "italienisch": "it", "italian": "it", "italiano": "it", "spanisch": "es", "spanish": "es",
    "espanol": "es", "niederlaendisch": "nl", "dutch": "nl", "nederlands": "nl", "polnisch": "pl", "polish": "pl",
    "polski": "pl", "tuerkisch": "tr", "turkish": "tr", "turkce": "tr", "russisch": "ru", "russian": "ru",
    "tschechisch": "cs", "czech": "cs", "daenisch": "da", "danish": "da", "ger": "de", "deu": "de", "eng": "en",
}  # fmt: skip


def canonicalise(data: CanonicalData, context: Context) -> CanonicalData:
    """Canonical attributes with clean, displayable values; junk and placeholders are left out. Idempotent.

    Takes sloppy shapes (an e-mail as plain text) and raises BadRecordError, naming the field, for impossible ones.
    """
    if not isinstance(data, dict):
        raise bad_shape("data", "a mapping of attributes")
    if not _KNOWN.issuperset(data):
        raise BadRecordError("the record has an unknown attribute", remedy=f"Known ones: {', '.join(ATTRIBUTES)}")
    said_kind = _KINDS.get(fold(text(data["kind"], "kind"))) if data.get("kind") else None
    name, organisation, gender = _name_and_organisation(data, said_kind, context)
    if "gender" in data:
        gender = names.gender(text(data["gender"], "gender")) or gender
    canonical: CanonicalData = {"kind": said_kind or _kind(name, organisation)}
    if name:
        canonical["name"] = name
    if organisation:
        canonical["organisation"] = organisation
    if gender:
        canonical["gender"] = gender
    if "language" in data and (language := _language(text(data["language"], "language"))):
        canonical["language"] = language
    for attribute, read in _READERS:
        if (said := data.get(attribute)) and (value := read(said, data, context)):
            canonical[attribute] = value
    return canonical


def _kind(name: dict[str, str], organisation: dict[str, str]) -> str:
    person = name.get("given_name") or name.get("family_name")
    return _ORGANISATION if organisation and not person else _PERSON


def _language(said: str) -> str:
    if not said:
        return ""
    folded = fold(said)
    if folded in _LANGUAGES:
        return _LANGUAGES[folded]
    code = folded.replace("_", "-").partition("-")[0]
    return code if len(code) == 2 and code.isascii() and code.isalpha() else ""


def _birth_date(value: Any, _: CanonicalData, context: Context) -> str:
    day = usual_date(value, context.day_first)
    return parse_date(text(value, "birth_date"), context.country, context.day_first) if day is None else day


def _name_and_organisation(
    data: CanonicalData, said_kind: str | None, context: Context
) -> tuple[dict[str, str], dict[str, str], str]:
    """The person's name, the organisation and the gender that the salutation tells."""
    raw = data.get("name")
    if not data.get("organisation") and (usual := usual_name(raw)):
        return usual[0], {}, usual[1]
    said = block(raw, "name", _PARTS["name"], "full") if raw else {}
    given = {part: text(value, _NAME_PATHS[part]) for part, value in said.items() if value is not None}
    full = given.pop("full", "")
    parts = names.NameParts(**given)
    organisation = _organisation(data.get("organisation")) if "organisation" in data else {}
    told = Told(said_kind == _ORGANISATION, bool(organisation))
    company = _company(parts, full, told)
    if company:
        parts, full = parts._replace(given_name="", family_name=""), ""
    parts = names.canonical_name(parts, full, context.country)
    if not company and (company := _company(parts, "", told)):
        parts = parts._replace(given_name="", family_name="")
    if company and not organisation:
        organisation = _organisation({"name": company})
    if organisation and fold(organisation["name"]) == fold(f"{parts.given_name} {parts.family_name}"):
        organisation = {}  # a person's own name in the company's field
    name = {part: value for part, value in zip(_NAME_FIELDS, parts, strict=True) if value}
    return name, organisation, names.salutation(parts.salutation)[1] if parts.salutation else ""


class Told(NamedTuple):
    """What is told of an organisation besides the name: that the customer is one, and what it is called."""

    is_organisation: bool
    has_name: bool


def _company(parts: names.NameParts, full: str, told: Told) -> str:
    """The organisation's name that stands where a person's should; empty where there is none."""
    is_firm = bool(parts.salutation) and names.salutation(parts.salutation)[0] == "Firma"
    if is_firm and not told.has_name:
        return f"{parts.given_name} {parts.family_name}".strip() or full
    name = parts.family_name or full
    if parts.given_name or not name:
        return ""
    return name if told == (True, False) or organisations.looks_like_organisation(name) else ""


def _organisation(value: Any) -> dict[str, str]:
    if not value:
        return {}
    said = block(value, "organisation", _PARTS["organisation"], "name")
    given = {part: text(raw, f"organisation.{part}") for part, raw in said.items()}
    name = given.get("name", "").strip(" ,;")
    if not name or is_junk(name):
        return {}
    if len(name) > 4 and name.islower():
        name = decent_case(name)
    form = organisations.legal_form(given.get("legal_form", "")) or organisations.split_organisation(name).legal_form
    department = given.get("department", "")
    parts = {"name": name, "legal_form": form, "department": "" if is_junk(department) else department}
    return {part: value for part, value in parts.items() if value}


def _emails(value: Any, _: CanonicalData, __: Context) -> list[dict[str, Any]]:
    return _contacts(value, "emails", usual_email, contacts.parse_email)


def _phones(value: Any, data: CanonicalData, context: Context) -> list[dict[str, Any]]:
    country = _phone_country(data["addresses"], context) if "addresses" in data else context.country
    return _contacts(value, "phones", usual_phone, contacts.parse_phone, country)


def _phone_country(said: Any, context: Context) -> str:
    """A number without a country code is dialled from where the customer lives, if a single country is said."""
    items = said if isinstance(said, (list, tuple)) else [said]
    countries = {
        country_code(clean(country))
        for item in items
        if isinstance(item, dict) and isinstance(country := item.get("country"), str)
    } - {""}
    return countries.pop() if len(countries) == 1 else context.country


def _contacts(
    value: Any, field: str, usual: Callable[..., str | None], read: Callable[..., str], *where: str
) -> list[dict[str, Any]]:
    """E-mails or phones that are possible, each once, with what was said of them."""
    found: dict[str, dict[str, Any]] = {}
    for item in blocks(value, field, _PARTS[field], "value"):
        if (raw := item.get("value")) is None:
            continue
        if (canonical := usual(raw, *where)) is None:
            canonical = read(text(raw, field), *where)
        if not canonical:
            continue
        entry = found.setdefault(canonical, {"value": canonical})
        if len(item) == 1:
            continue
        if (use := item.get("use")) and (use := lower(text(use, field))):
            entry.setdefault("use", use)
        for mark in ("verified", "shared"):
            if item.get(mark) is not None:
                entry[mark] = flag(item[mark], field) or entry.get(mark, False)
    return list(found.values())


def _addresses(value: Any, _: CanonicalData, context: Context) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    for item in blocks(value, "addresses", _PARTS["addresses"], "street"):
        address = usual_address(item, context.country) or _address(item, context.country)
        if address and address not in found:
            found.append(address)
    return found


def _address(item: Mapping[str, Any], default_country: str) -> dict[str, str]:
    said = {part: text(raw, _ADDRESS_PATHS[part]) for part, raw in item.items() if raw is not None}
    parts = canonical_address(AddressParts(**said), default_country)
    return {part: value for part, value in zip(ADDRESS_PARTS, parts, strict=True) if value} if parts else {}


def _identifiers(value: Any, _: CanonicalData, context: Context) -> list[dict[str, Any]]:
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for item in blocks(value, "identifiers", _PARTS["identifiers"], "value"):
        kind = lower(text(item.get("type"), "identifiers.type")).replace(" ", "_") or "customer_number"
        canonical = canonical_identifier(kind, text(item.get("value"), "identifiers.value"), context.country)
        issuer = text(item.get("issuer"), "identifiers.issuer")
        if not canonical:
            continue
        entry = found.setdefault((kind, canonical, issuer), {"type": kind, "value": canonical})
        if issuer:
            entry["issuer"] = issuer
        if item.get("verified") is not None:
            entry["verified"] = flag(item["verified"], "identifiers.verified") or entry.get("verified", False)
    return list(found.values())


def _attributes(value: Any, _: CanonicalData, __: Context) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise bad_shape("attributes", "a mapping of names to values")
    found: dict[str, Any] = {}
    for name, raw in sorted(islice(value.items(), MAX_ATTRIBUTES), key=lambda item: str(item[0])):
        if isinstance(raw, bool):
            found[text(name, "attributes")] = raw
        elif isinstance(raw, (list, tuple)):
            found[text(name, "attributes")] = [t for item in raw[:MAX_ATTRIBUTES] if (t := text(item, "attributes"))]
        elif (plain := text(raw, "attributes")) and not is_junk(plain):
            found[text(name, "attributes")] = plain
    return {name: plain for name, plain in found.items() if name and (plain or plain is False)}


_READERS: Final[tuple[tuple[str, Callable[[Any, CanonicalData, Context], Any]], ...]] = (
    ("birth_date", _birth_date),
    ("emails", _emails),
    ("phones", _phones),
    ("addresses", _addresses),
    ("identifiers", _identifiers),
    ("attributes", _attributes),
)
"""What makes an attribute canonical, of its value and the record around it."""
