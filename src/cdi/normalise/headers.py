"""A header is a promise that its values must keep: a column's name says which canonical attribute it is, in
English or German; where the name is only similar, the values decide. What is not understood is ignored and
named.

Paths: `attribute`, `attribute.part`, and for attributes of which a customer has many `attribute.use.part` or
`attribute.use` (columns of one use make one block); `identifiers.type`; `attributes.name` for custom ones.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, get_args

import yaml

from cdi.errors import InvalidInputError
from cdi.fields import ATTRIBUTES, IDENTIFIER_TYPES, Attribute, CanonicalData, Kind, Shape

Comparison = Literal["exact", "text", "number"]

RECORD_ID: Final = "record_id"
SOURCE: Final = "source"
CREATED_AT: Final = "created_at"
ROLES: Final = (RECORD_ID, SOURCE, CREATED_AT)
"""What a column may be besides an attribute of the customer."""

BIRTH_PARTS: Final = ("birth_date.year", "birth_date.month", "birth_date.day")


@dataclass(frozen=True, slots=True)
class Target:
    """What a column means: a canonical path or a role; `comparison` is that of a custom attribute."""

    path: str
    comparison: Comparison | None = None


Targets = dict[str, Target]


NAMES: Final = """
record_id: record_id
source: source source_system quelle quellsystem herkunft system data_source datenquelle
created_at: created_at created date_created angelegt_am erstellt_am erfasst_am updated_at changed_at
    last_modified geaendert_am aenderungsdatum anlagedatum stand
kind: kind customer_type kundenart kundentyp
name.salutation: salutation anrede
name.title: title titel akademischer_titel
name.given_name: given_name givenname first_name firstname fname forename vorname vornamen rufname given
    fname_c1
name.middle_name: middle_name middlename midl_name middle second_name zweitname fname_c2
name.family_name: family_name familyname last_name lastname lname surname nachname familienname zuname last
    lname_c1
name.suffix: suffix name_suffix name_suffix_lbl
name.birth_name: birth_name maiden_name geburtsname maedchenname geborene
name.full: full_name fullname name first_and_surname person_name customer_name kundenname vor_und_nachname
    vorname_nachname contact_name ansprechpartner
organisation.name: org_name organisation organization organisation_name organization_name company company_name
    firma firmenname firmenbezeichnung unternehmen business_name site_name einrichtung employer_name
organisation.legal_form: legal_form rechtsform
organisation.department: department abteilung
gender: gender sex geschlecht gender_code
language: language sprache
birth_date: dob birth_date birthdate birthday date_of_birth geburtsdatum geburtstag gebdatum geb_datum gebdat
    geb
birth_date.year: birth_year year_of_birth yob geburtsjahr by
birth_date.month: birth_month month_of_birth geburtsmonat bm
birth_date.day: birth_day day_of_birth bd
emails: email e_mail mail email_address e_mail_address mailadresse email_adresse e_mail_adresse
phones: phone telephone tel telefon telefonnummer phone_number phonenumber phone_num rufnummer telefon_nr
    tel_nr telephone_number contact_number
phones.landline: landline festnetz festnetznummer phone_home home_phone telefon_privat
phones.mobile: mobile mobile_phone mobile_number cell cell_phone cellphone mobil handy mobilnummer handynummer
    mobiltelefon phone_mobile telefon_mobil
phones.work: work_phone phone_work business_phone telefon_geschaeftlich telefon_dienstlich
addresses.street: street strasse street_name strassenname street_line street_address address address_1
    address1 address_line_1 addr1 adresse anschrift strasse_hausnummer strasse_hausnr strasse_nr
    strasse_und_hausnummer addressline1 res_street_address
addresses.house_number: house_number housenumber house_no street_number street_no hausnummer hausnr hnr
    haus_nr
addresses.extra: address_2 address2 address_line_2 addr2 addressline2 unit_number unit apartment apt suite
    adresszusatz address_extra
addresses.postal_code: postal_code postalcode postcode post_code zip zipcode zip_code plz postleitzahl
addresses.city: city town ort stadt wohnort suburb locality ortsname res_city_desc municipality
addresses.region: state region province bundesland county kanton state_cd
addresses.country: country land country_code laendercode staat laenderkennzeichen
identifiers.customer_number: customer_number kundennummer kunden_nr kundennr kdnr customer_no
identifiers.loyalty_card: loyalty_card loyalty_number kundenkarte kundenkartennummer payback_nr
identifiers.vat_id: vat_id vat vat_number ust_id ustid ust_idnr umsatzsteuer_id uid
identifiers.register_id: register_id registration_number company_number handelsregister hrb
    handelsregisternummer
identifiers.national_id: national_id ssn social_security_number soc_sec_id personalausweisnummer steuer_id
    nino tax_id
identifiers.iban: iban
identifiers.social_handle: social_handle handle twitter twitter_handle instagram instagram_handle
identifiers.device: device_id device cookie_id
attributes.website: website web homepage url internet webseite domain
attributes.birth_place: birth_place birthplace place_of_birth geburtsort
attributes.occupation: occupation profession job job_title beruf
attributes.industry: industry branche sector
attributes.nationality: nationality nationalitaet staatsangehoerigkeit citizenship
"""
"""A canonical path or a role, and the column names, folded, that mean it."""


def _by_folded_name(table: str) -> dict[str, Target]:
    known: dict[str, Target] = {}
    for path, names in re.findall(r"^(\S+):((?:.|\n )*)$", table, re.MULTILINE):
        target = Target(path, "text" if path.startswith("attributes.") else None)
        known.update(dict.fromkeys(names.split(), target))
    return known


KNOWN: Final = _by_folded_name(NAMES)

USES: Final[dict[str, str]] = {
    "billing": "billing",
    "invoice": "billing",
    "rechnung": "billing",
    "rechnungs": "billing",
    "shipping": "delivery",
    "delivery": "delivery",
    "liefer": "delivery",
    "lieferung": "delivery",
    "home": "home",
    "private": "home",
    "privat": "home",
    "work": "work",
    "business": "work",
    "geschaeftlich": "work",
}
"""Words around a column's name that say which of several blocks it belongs to."""

OWNER_WORDS: Final = (
    "customer",
    "kunde",
    "kunden",
    "contact",
    "kontakt",
    "client",
    "person",
    "user",
    "patient",
    "cust",
)

LOOKS_LIKE: Final[dict[str, re.Pattern[str]]] = {
    "emails": re.compile(r"^[^@\s]+@[^@\s]+$"),
    "phones": re.compile(r"^\+?[\d\s()/.-]{6,25}$"),
    "addresses.postal_code": re.compile(r"^(?=[^\d]*\d)[A-Za-z\d][A-Za-z\d -]{2,9}$"),
    "birth_date": re.compile(r"^\d{1,4}[-./]\d{1,2}[-./]\d{1,4}$|^\d{8}$"),
}
"""What most values must look like before a column whose name is only similar is believed."""

LEGAL_FORMS: Final = re.compile(
    r"\b(gmbh|ag|kg|ohg|ug|e\.?\s?v|mbh|kgaa|ltd|limited|plc|llp|llc|inc|corp|corporation|s\.?a|s\.?p\.?a|n\.?v|b\.?v"
    r"|se|s\.?a\.?s|sarl|s\.?r\.?l|oy|ab|asa|a/s|co|company)\b\.?",
    re.IGNORECASE,
)


def folded(header: str) -> str:
    """A column's name as words in lower case, joined by `_`: `E-Mail` and `eMail` are both `e_mail`."""
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", header.strip())
    for umlaut, plain in (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("ß", "ss")):
        text = text.lower().replace(umlaut, plain)
    return re.sub(r"[^a-z0-9]+", "_", text).strip("_")


def guess_targets(samples: Mapping[str, Sequence[str]]) -> Targets:
    """What each column means, from its name and some of its values; columns that mean nothing are left out.

    A path that a customer has once goes to the first column that claims it; only e-mails, phones and
    identifiers may come from several columns.
    """
    guessed: Targets = {}
    for column, values in samples.items():
        target = _by_name(folded(column)) or _by_similar_name(folded(column), values)
        if target:
            guessed[column] = target
    return _without_rivals(_settle_bare_name(guessed, samples))


def _by_name(name: str) -> Target | None:
    """By the known names, also behind or before words such as `customer` and `billing`."""
    if target := KNOWN.get(name):
        return target
    words = name.split("_")
    for rest, word in ((words[1:], words[0]), (words[:-1], words[-1])):
        target = KNOWN.get("_".join(rest))
        if target and word in OWNER_WORDS:
            return target
        if target and word in USES and _may_repeat(target.path):
            return Target(_with_use(target.path, USES[word]))
    return None


def _by_similar_name(name: str, values: Sequence[str]) -> Target | None:
    words = name.split("_")
    for length in range(len(words) - 1, 0, -1):
        for start in range(len(words) - length + 1):
            target = KNOWN.get("_".join(words[start : start + length]))
            pattern = LOOKS_LIKE.get(target.path.replace(".mobile", "").replace(".landline", "")) if target else None
            if pattern and _share(values, pattern) > 0.7:
                return target
    return None


def _settle_bare_name(guessed: Targets, samples: Mapping[str, Sequence[str]]) -> Targets:
    """`Name` beside `Vorname` is the family name; alone it is a person's, or a company's if legal forms
    abound."""
    paths = {target.path for target in guessed.values()}
    settled = dict(guessed)
    for column, target in guessed.items():
        if target.path != "name.full":
            continue
        if folded(column) == "name" and "name.given_name" in paths and "name.family_name" not in paths:
            settled[column] = Target("name.family_name")
        elif "name.family_name" not in paths and _share(samples[column], LEGAL_FORMS) > 0.2:
            settled[column] = Target("organisation.name")
    return settled


def _without_rivals(guessed: Targets) -> Targets:
    taken: set[str] = set()
    kept: Targets = {}
    for column, target in guessed.items():
        if target.path in taken and not target.path.startswith(("emails", "phones", "identifiers")):
            continue
        taken.add(target.path)
        kept[column] = target
    return kept


def _share(values: Iterable[str], pattern: re.Pattern[str]) -> float:
    filled = [value.strip() for value in values if value.strip()]
    return sum(bool(pattern.search(value)) for value in filled) / len(filled) if filled else 0.0


def guess_country(samples: Mapping[str, Sequence[str]], targets: Targets) -> str:
    """The country (ISO 3166 alpha-2) whose habits decide what a value leaves open, for a file that names
    none: by the form of its postal codes, dates and the words of its header."""
    words = {word for column in samples for word in folded(column).split("_")}
    codes = [v.strip() for c, t in targets.items() if t.path.endswith("postal_code") for v in samples.get(c, ()) if v]
    if _share(codes, re.compile(r"^[A-Za-z]{1,2}\d[A-Za-z\d]? ?\d[A-Za-z]{2}$")) > 0.5:
        return "GB"
    if _share(codes, re.compile(r"^[A-Za-z]\d[A-Za-z] ?\d[A-Za-z]\d$")) > 0.5:
        return "CA"
    if "suburb" in words:
        return "AU"
    if words & {"zip", "zipcode", "ssn", "state"}:
        return "US"
    return "DE"


def parse_path(path: str) -> tuple[str, str, str]:
    """(attribute, use or type, part) of a canonical path; the last two are empty where there is none."""
    name, *rest = path.split(".")
    attribute = ATTRIBUTES.get(name)
    place = _place(attribute, rest) if attribute else None
    if place is None:
        raise InvalidInputError(
            f"{path!r} is not a canonical path",
            remedy="Write for instance name.given_name, birth_date, emails, phones.mobile, addresses.street,"
            " addresses.delivery.street, identifiers.vat_id or attributes.occupation",
        )
    return name, *place


def _place(attribute: Attribute, rest: Sequence[str]) -> tuple[str, str] | None:
    if attribute.shape is Shape.BLOCKS:
        return _place_in_blocks(attribute, rest)
    if attribute.shape is Shape.VALUE and not rest:
        return "", ""
    named = attribute.shape is Shape.MAPPING or f"{attribute.name}.{rest[0]}" in BIRTH_PARTS if rest else False
    return ("", rest[0]) if len(rest) == 1 and (named or rest[0] in attribute.parts) else None


def _place_in_blocks(attribute: Attribute, rest: Sequence[str]) -> tuple[str, str] | None:
    *use, part = rest if rest and rest[-1] in attribute.parts else [*rest, "value"]
    if len(use) > 1 or part not in attribute.parts:
        return None
    if attribute.name == "identifiers" and (not use or use[0] not in IDENTIFIER_TYPES):
        return None
    return (use[0] if use else ""), part


def _may_repeat(path: str) -> bool:
    return path.startswith(("emails", "phones", "addresses"))


def _with_use(path: str, use: str) -> str:
    attribute, _, part = parse_path(path)
    return f"{attribute}.{use}.{part}"


class Assembler:
    """Rows of text into canonical data, by the targets of their columns."""

    def __init__(self, columns: Sequence[str], targets: Targets) -> None:
        self._places: list[_Place] = []
        values: Counter[tuple[str, str]] = Counter()
        for index, column in enumerate(columns):
            if column in targets and targets[column].path not in ROLES:
                attribute, use, part = parse_path(targets[column].path)
                repeated = ATTRIBUTES[attribute].shape is Shape.BLOCKS and part == "value"
                block = values[attribute, use] if repeated else 0
                values[attribute, use] += repeated
                self._places.append(_Place(index, attribute, use, part, block))

    def assemble(self, row: Sequence[str]) -> CanonicalData:
        """The row's customer; an empty value is left out, a row of nothing gives an empty mapping."""
        data: CanonicalData = {}
        blocks: dict[tuple[str, str, int], dict[str, Any]] = {}
        for index, attribute, use, part, block in self._places:
            value = row[index].strip()
            if not value:
                continue
            if ATTRIBUTES[attribute].shape is Shape.BLOCKS:
                blocks.setdefault((attribute, use, block), {})[part] = value
            elif part:
                data.setdefault(attribute, {}).setdefault(part, value)
            else:
                data.setdefault(attribute, value)
        for (attribute, use, _), parts in blocks.items():
            label = "type" if attribute == "identifiers" else "use"
            data.setdefault(attribute, []).append({**parts, label: use} if use else parts)
        return _finished(data)


class _Place(NamedTuple):
    """Where a column's value goes; `block` tells several values of one use apart."""

    column: int
    attribute: str
    use: str
    part: str
    block: int


def _finished(data: CanonicalData) -> CanonicalData:
    """Birth dates from their parts; a full name only where nothing finer is known; the kind where it is
    plain."""
    birth = data.get("birth_date")
    if isinstance(birth, dict):
        data["birth_date"] = "-".join(birth.get(part, "").zfill(2) for part in ("year", "month", "day"))
    name = data.get("name", {})
    if "full" in name and ("given_name" in name or "family_name" in name):
        del name["full"]
    if "kind" not in data and data.get("organisation", {}).get("name") and not name:
        data["kind"] = Kind.ORGANISATION.value
    return data


def read_mapping(text: str, name: str) -> dict[str, Target | None]:
    """A mapping file: YAML, `column: path`, `column: {path: attributes.x, comparison: exact}` or `column:
    ignore`.

    Raises InvalidInputError, naming the file and the column, for what is none of these.
    """
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise InvalidInputError(f"{name}{where}: this is not YAML") from None
    if not isinstance(content, dict) or not content:
        raise InvalidInputError(f"{name} holds no mapping", remedy="Write lines such as first_name: name.given_name")
    return {str(column): _mapped(str(column), entry, name) for column, entry in content.items()}


def _mapped(column: str, entry: object, name: str) -> Target | None:
    path, comparison = (entry.get("path"), entry.get("comparison")) if isinstance(entry, dict) else (entry, None)
    if path in {None, "ignore"} and not isinstance(entry, dict):
        return None
    if not isinstance(path, str) or comparison not in {None, *get_args(Comparison)}:
        raise InvalidInputError(
            f"{name}: what column {column!r} means is not understood",
            remedy="Write a path, or {path: attributes.name, comparison: exact, text or number}",
        )
    custom = path.startswith("attributes.")
    if path not in ROLES:
        parse_path(path)
    if comparison and not custom:
        raise InvalidInputError(f"{name}: {path} has its own comparison", remedy="Choose one for attributes.… only")
    return Target(path, (comparison or "text") if custom else None)
