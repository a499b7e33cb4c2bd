"""What people see of a customer: each attribute cleaned by the rules of its kind, junk left out, nothing invented.

Idempotent: canonical data pass through unchanged.
"""

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

_KINDS: Final = {
    **dict.fromkeys(listed("person individual consumer b2c private privat privatkunde natural mensch"), Kind.PERSON),
    **dict.fromkeys(
        listed(
            "organisation organization company firma business b2b corporate unternehmen firmenkunde geschaeftskunde"
        ),
        Kind.ORGANISATION,
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
    name, organisation, said_gender = _name_and_organisation(data, said_kind, context)
    canonical: CanonicalData = {
        "kind": (said_kind or _kind(name, organisation)).value,
        "name": name,
        "organisation": organisation,
        "gender": names.gender(text(data.get("gender"), "gender")) or said_gender,
        "language": _language(text(data.get("language"), "language")),
        "birth_date": _birth_date(data.get("birth_date"), context),
        "emails": _contacts(data.get("emails"), "emails", ""),
        "phones": _phones(data, context),
        "addresses": _addresses(data.get("addresses"), context),
        "identifiers": _identifiers(data.get("identifiers"), context),
        "attributes": _attributes(data.get("attributes")),
    }
    return {attribute: value for attribute, value in canonical.items() if value}


def _kind(name: dict[str, str], organisation: dict[str, str]) -> Kind:
    person = name.get("given_name") or name.get("family_name")
    return Kind.ORGANISATION if organisation and not person else Kind.PERSON


def _language(said: str) -> str:
    if not said:
        return ""
    folded = fold(said)
    if folded in _LANGUAGES:
        return _LANGUAGES[folded]
    code = folded.replace("_", "-").partition("-")[0]
    return code if len(code) == 2 and code.isascii() and code.isalpha() else ""


def _birth_date(value: Any, context: Context) -> str:
    return parse_date(text(value, "birth_date"), context.country, context.day_first) if value else ""


def _name_and_organisation(
    data: CanonicalData, said_kind: Kind | None, context: Context
) -> tuple[dict[str, str], dict[str, str], str]:
    """The person's name, the organisation and the gender that the salutation tells."""
    raw = data.get("name")
    said = block(raw, "name", _PARTS["name"], "full") if raw else {}
    given = {part: text(value, _NAME_PATHS[part]) for part, value in said.items() if value is not None}
    full = given.pop("full", "")
    parts = names.NameParts(**given)
    organisation = _organisation(data.get("organisation")) if "organisation" in data else {}
    told = Told(said_kind is Kind.ORGANISATION, bool(organisation))
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


def _phones(data: CanonicalData, context: Context) -> list[dict[str, Any]]:
    value = data.get("phones")
    return _contacts(value, "phones", _phone_country(data.get("addresses"), context)) if value else []


def _phone_country(said: Any, context: Context) -> str:
    """A number without a country code is dialled from where the customer lives, if a single country is said."""
    items = said if isinstance(said, (list, tuple)) else [said]
    countries = {
        country_code(clean(country))
        for item in items
        if isinstance(item, dict) and isinstance(country := item.get("country"), str)
    } - {""}
    return countries.pop() if len(countries) == 1 else context.country


def _contacts(value: Any, field: str, country: str) -> list[dict[str, Any]]:
    """E-mails or phones that are possible, each once, with what was said of them."""
    if not value:
        return []
    found: dict[str, dict[str, Any]] = {}
    for item in blocks(value, field, _PARTS[field], "value"):
        if (raw := item.get("value")) is None:
            continue
        said = text(raw, field)
        canonical = contacts.parse_phone(said, country) if field == "phones" else contacts.parse_email(said)
        if not canonical:
            continue
        entry = found.setdefault(canonical, {"value": canonical})
        if (use := item.get("use")) and (use := lower(text(use, field))):
            entry.setdefault("use", use)
        for mark in ("verified", "shared"):
            if item.get(mark) is not None:
                entry[mark] = flag(item[mark], field) or entry.get(mark, False)
    return list(found.values())


def _addresses(value: Any, context: Context) -> list[dict[str, str]]:
    if not value:
        return []
    found: dict[AddressParts, None] = {}
    for item in blocks(value, "addresses", _PARTS["addresses"], "street"):
        said = {part: text(raw, _ADDRESS_PATHS[part]) for part, raw in item.items() if raw is not None}
        if address := canonical_address(AddressParts(**said), context.country):
            found[address] = None
    return [{part: value for part, value in zip(ADDRESS_PARTS, address, strict=True) if value} for address in found]


def _identifiers(value: Any, context: Context) -> list[dict[str, Any]]:
    if not value:
        return []
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


def _attributes(value: Any) -> dict[str, Any]:
    if not value:
        return {}
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
