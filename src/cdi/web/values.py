"""How a customer's values read: a block of parts as one line, in the visitor's language. What is masked stays so."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat

from cdi.web.languages import Language
from cdi.web.words import word

NAME_ORDER: Final = ("salutation", "title", "given_name", "middle_name", "family_name", "suffix")


def told_value(language: Language, attribute: str, value: Any) -> str:
    """A value of this attribute (or `attributes.NAME`) as one line; empty for none."""
    if value is None:
        return ""
    if isinstance(value, Mapping) and attribute in BLOCKS:
        return BLOCKS[attribute](language, value)
    if attribute in VALUES:
        return VALUES[attribute](language, str(value))
    return _plain(language, value)


def marks(language: Language, value: Any) -> list[str]:
    """What is to be said of a value besides it: how it is used, whether it is verified or shared."""
    if not isinstance(value, Mapping):
        return []
    use = value.get("use") or value.get("form")
    told = [word(language, "use", str(use))] if use else []
    told += [language.gettext("verified")] if value.get("verified") is True else []
    return told + ([language.gettext("shared by several")] if value.get("shared") is True else [])


def customer_name(language: Language, document: Mapping[str, Any]) -> str:
    """What a customer is called: name, else organisation, else by what they are reached."""
    golden = document["golden"]
    preferred = ("organisation", "name") if document.get("kind") == "organisation" else ("name", "organisation")
    for attribute in (*preferred, "emails", "phones", "identifiers"):
        told = told_value(language, attribute, (golden.get(attribute) or {}).get("value"))
        if told:
            return told
    return language.gettext("Customer without a name")


def hints_of(language: Language, document: Mapping[str, Any]) -> list[str]:
    """What tells this customer from others of the name: birth date, town, e-mail, phone."""
    golden = document["golden"]
    address = (golden.get("addresses") or {}).get("value") or {}
    told = [
        told_value(language, name, (golden.get(name) or {}).get("value")) for name in ("birth_date", "emails", "phones")
    ]
    return [part for part in (told[0], _joined(address, ("postal_code", "city")), *told[1:]) if part]


def _name(language: Language, value: Mapping[str, Any]) -> str:
    told = _joined(value, NAME_ORDER) or str(value.get("full", ""))
    born = value.get("birth_name")
    return f"{told}, {language.gettext('born')} {born}" if born else told


def _organisation(_: Language, value: Mapping[str, Any]) -> str:
    form = str(value.get("legal_form") or "").strip()
    name = str(value.get("name", "")).lower()
    said_already = bool(form) and name.endswith((form.lower(), f" {form.split(maxsplit=1)[0].lower()}"))
    return _joined(value, ("name", "department") if said_already else ("name", "legal_form", "department"))


def _address(language: Language, value: Mapping[str, Any]) -> str:
    street = _joined(value, ("street", "house_number"))
    town = _joined(value, ("postal_code", "city"))
    country = str(language.locale.territories.get(str(value.get("country", "")), value.get("country", "")) or "")
    return ", ".join(part for part in (street, str(value.get("extra") or ""), town, country) if part)


def _identifier(language: Language, value: Mapping[str, Any]) -> str:
    issuer = f" ({value['issuer']})" if value.get("issuer") else ""
    return f"{word(language, 'identifier', str(value.get('type', '')))} {value.get('value', '')}{issuer}"


def _phone(value: str) -> str:
    try:
        return phonenumbers.format_number(phonenumbers.parse(value), PhoneNumberFormat.INTERNATIONAL)
    except NumberParseException:
        return value


def _day(language: Language, value: str) -> str:
    try:
        return language.day(value)
    except ValueError:
        return value  # masked, or only a year


def _joined(value: Mapping[str, Any], parts: tuple[str, ...]) -> str:
    return " ".join(str(value[part]) for part in parts if value.get(part))


def _plain(language: Language, value: Any) -> str:
    if isinstance(value, bool):
        return language.gettext("yes") if value else language.gettext("no")
    if isinstance(value, Mapping):
        return ", ".join(str(inner) for inner in value.values() if inner not in (None, ""))
    if isinstance(value, list):
        return ", ".join(_plain(language, inner) for inner in value)
    return str(value)


BLOCKS: Final[Mapping[str, Callable[[Language, Mapping[str, Any]], str]]] = {
    "name": _name,
    "organisation": _organisation,
    "addresses": _address,
    "emails": lambda _, value: str(value.get("value", "")),
    "phones": lambda _, value: _phone(str(value.get("value", ""))),
    "identifiers": _identifier,
}
VALUES: Final[Mapping[str, Callable[[Language, str], str]]] = {
    "birth_date": _day,
    "kind": lambda language, value: word(language, "kind", value),
    "gender": lambda language, value: word(language, "gender", value),
    "language": lambda language, value: str(language.locale.languages.get(value, value)),
}
