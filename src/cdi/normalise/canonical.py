"""What people see of a customer: each attribute cleaned by the rules of its kind, junk left out, nothing invented.

Idempotent: canonical data pass through unchanged.
"""

from dataclasses import dataclass
from typing import Any, Final

from cdi.errors import BadRecordError
from cdi.fields import ADDRESS_FORMS, ADDRESS_PARTS, ATTRIBUTES, NAME_PARTS, CanonicalData, Kind
from cdi.normalise import addresses, contacts, names, organisations
from cdi.normalise.dates import parse_date
from cdi.normalise.junk import is_junk, is_junk_number
from cdi.normalise.shapes import MAX_ATTRIBUTES, bad_shape, block, blocks, flag, text
from cdi.normalise.text import clean, fold, is_shouting


@dataclass(frozen=True, slots=True)
class Context:
    """What a source's country and language decide where a value does not say it itself."""

    country: str = "DE"
    language: str = "de"
    day_first: bool | None = None  # of ambiguous dates, told by the column; None: by the country


_PARTS: Final = {name: frozenset(attribute.parts) for name, attribute in ATTRIBUTES.items()}
_KNOWN: Final = frozenset(ATTRIBUTES)
_NAME_FIELDS: Final = tuple(part for part in NAME_PARTS if part != "full")

_KINDS: Final = {
    **dict.fromkeys(
        ["person", "individual", "consumer", "b2c", "private", "privat", "privatkunde", "natural", "mensch"],
        Kind.PERSON,
    ),
    **dict.fromkeys(
        [
            "organisation",
            "organization",
            "company",
            "firma",
            "business",
            "b2b",
            "corporate",
            "unternehmen",
            "firmenkunde",
            "geschaeftskunde",
        ],
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
        raise BadRecordError(
            "the record has an unknown attribute", remedy=f"Known ones: {', '.join(ATTRIBUTES)}"
        )
    name, organisation, said_gender = _name_and_organisation(data, context)
    canonical: CanonicalData = {
        "kind": _kind(data.get("kind"), name, organisation),
        "name": name,
        "organisation": organisation,
        "gender": names.gender(text(data.get("gender"), "gender")) or said_gender,
        "language": _language(text(data.get("language"), "language")),
        "birth_date": _birth_date(data.get("birth_date"), context),
        "emails": _contacts(data.get("emails"), "emails", ""),
        "phones": _contacts(data.get("phones"), "phones", _phone_country(data, context)),
        "addresses": _addresses(data.get("addresses"), context),
        "identifiers": _identifiers(data.get("identifiers"), context),
        "attributes": _attributes(data.get("attributes")),
    }
    return {attribute: value for attribute, value in canonical.items() if value}


def _kind(value: Any, name: dict[str, str], organisation: dict[str, str]) -> str:
    said = _KINDS.get(fold(text(value, "kind"))) if value else None
    if said is not None:
        return said.value
    person = name.get("given_name") or name.get("family_name")
    return (Kind.ORGANISATION if organisation and not person else Kind.PERSON).value


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
    data: CanonicalData, context: Context
) -> tuple[dict[str, str], dict[str, str], str]:
    said = block(data.get("name"), "name", _PARTS["name"], "full")
    given = {part: text(value, f"name.{part}") for part, value in said.items() if value}
    organisation = _organisation(data.get("organisation"))
    full = given.get("full", "")
    if full and (given.get("given_name") or given.get("family_name")):
        full = ""
    for part, value in (("full", full), ("family_name", given.get("family_name", ""))):
        alone = part == "full" or not given.get("given_name")
        if value and alone and organisations.looks_like_organisation(value):
            organisation = organisation or _organisation({"name": value})
            given, full = {**given, part: ""}, "" if part == "full" else full
    parts = names.NameParts(*(given.get(part, "") for part in _NAME_FIELDS))
    parts = names.canonical_name(parts, full, context.country)
    name = {part: value for part, value in zip(_NAME_FIELDS, parts, strict=True) if value}
    return name, organisation, names.salutation(parts.salutation)[1] if parts.salutation else ""


def _organisation(value: Any) -> dict[str, str]:
    if not value:
        return {}
    said = block(value, "organisation", _PARTS["organisation"], "name")
    given = {part: text(raw, f"organisation.{part}") for part, raw in said.items()}
    name = given.get("name", "").strip(" ,;")
    if not name or is_junk(name):
        return {}
    if len(name) > 4 and name.islower():
        name = names.decent_case(name)
    form = (
        organisations.legal_form(given.get("legal_form", ""))
        or organisations.split_organisation(name).legal_form
    )
    department = given.get("department", "")
    parts = {"name": name, "legal_form": form, "department": "" if is_junk(department) else department}
    return {part: value for part, value in parts.items() if value}


def _phone_country(data: CanonicalData, context: Context) -> str:
    """A number without a country code is dialled from where the customer lives, if a single country is said."""
    said = data.get("addresses")
    if not isinstance(said, (list, tuple)):
        said = [said]
    countries = {
        addresses.country_code(clean(country))
        for item in said
        if isinstance(item, dict) and isinstance(country := item.get("country"), str)
    } - {""}
    return countries.pop() if len(countries) == 1 else context.country


def _contacts(value: Any, field: str, country: str) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    if not value:
        return []
    for item in blocks(value, field, _PARTS[field], "value"):
        raw = text(item.get("value"), f"{field}.value")
        canonical = contacts.parse_email(raw) if field == "emails" else contacts.parse_phone(raw, country)
        if not canonical:
            continue
        entry = found.setdefault(canonical, {"value": canonical})
        if (use := text(item.get("use"), f"{field}.use").lower()) and "use" not in entry:
            entry["use"] = use
        for mark in ("verified", "shared"):
            if mark in item and item[mark] is not None:
                entry[mark] = flag(item[mark], f"{field}.{mark}") or entry.get(mark, False)
    return list(found.values())


def _addresses(value: Any, context: Context) -> list[dict[str, str]]:
    if not value:
        return []
    found: list[dict[str, str]] = []
    for item in blocks(value, "addresses", _PARTS["addresses"], "street"):
        address = _address({part: text(raw, f"addresses.{part}") for part, raw in item.items()}, context)
        if address and address not in found:
            found.append(address)
    return found


_PLACE_PARTS: Final = frozenset({"street", "extra", "city", "region"})


def _address(said: dict[str, str], context: Context) -> dict[str, str]:
    given = {part: "" if part in _PLACE_PARTS and is_junk(value) else value for part, value in said.items()}
    named = addresses.country_code(given.get("country", ""))
    code, by_code = addresses.postal_code(given.get("postal_code", ""), named or context.country)
    country = (
        named
        or by_code
        or (context.country if addresses.fits_country(code, context.country) or not code else "")
    )
    if country == "DE" and named and len(code) == 4 and code.isdigit():
        code = "0" + code  # a leading zero that a spreadsheet ate
    street = given.get("street", "")
    number = addresses.tidy_number(given.get("house_number", ""))
    line = addresses.split_street(street, country) if street else addresses.StreetLine("", "")
    if number and line.form == "":
        line = addresses.join_number(street, number, line)
    elif number:
        line = line._replace(house_number=line.house_number or number)
    form = line.form or _form(given)
    parts = {
        "street": _decent(line.street),
        "house_number": line.house_number,
        "extra": addresses.joined(given.get("extra", ""), line.extra),
        "postal_code": "" if is_junk_number(code) and code.isdigit() else code,
        "city": _decent(given.get("city", "").strip(" ,;")),
        "region": given.get("region", ""),
        "country": country,
        "use": given.get("use", "").lower(),
        "form": form,
    }
    if (
        not any(parts[part] for part in ("street", "house_number", "extra", "postal_code", "city", "region"))
        and not named
    ):
        return {}
    return {part: parts[part] for part in ADDRESS_PARTS if parts[part]}


def _form(given: dict[str, str]) -> str:
    for said in (given.get("form", "").lower(), given.get("use", "").lower()):
        if said in ADDRESS_FORMS:
            return said
    return ""


def _decent(value: str) -> str:
    return names.decent_case(value) if len(value) > 3 and is_shouting(value) else value


def _identifiers(value: Any, context: Context) -> list[dict[str, Any]]:
    if not value:
        return []
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for item in blocks(value, "identifiers", _PARTS["identifiers"], "value"):
        kind = text(item.get("type"), "identifiers.type").lower().replace(" ", "_") or "customer_number"
        canonical = _identifier(kind, text(item.get("value"), "identifiers.value"), context)
        issuer = text(item.get("issuer"), "identifiers.issuer")
        if not canonical:
            continue
        entry = found.setdefault((kind, canonical, issuer), {"type": kind, "value": canonical})
        if issuer:
            entry["issuer"] = issuer
        if item.get("verified") is not None:
            entry["verified"] = flag(item["verified"], "identifiers.verified") or entry.get("verified", False)
    return list(found.values())


def _identifier(kind: str, value: str, context: Context) -> str:
    if is_junk(value) or (value.isdigit() and is_junk_number(value)):
        return ""
    if kind == "vat_id":
        return organisations.vat_id(value, context.country)
    if kind == "register_id":
        return organisations.register_number(value)
    if kind == "iban":
        return organisations.iban(value)
    if kind == "social_handle":
        return value.rstrip("/").rpartition("/")[2].lstrip("@").lower()
    return value


def _attributes(value: Any) -> dict[str, Any]:
    if not value:
        return {}
    if not isinstance(value, dict):
        raise bad_shape("attributes", "a mapping of names to values")
    found: dict[str, Any] = {}
    for name, raw in sorted(value.items(), key=lambda item: str(item[0]))[:MAX_ATTRIBUTES]:
        if isinstance(raw, bool):
            found[text(name, "attributes")] = raw
        elif isinstance(raw, (list, tuple)):
            found[text(name, "attributes")] = [
                t for item in raw[:MAX_ATTRIBUTES] if (t := text(item, "attributes"))
            ]
        elif (plain := text(raw, "attributes")) and not is_junk(plain):
            found[text(name, "attributes")] = plain
    return {name: plain for name, plain in found.items() if name and (plain or plain is False)}
