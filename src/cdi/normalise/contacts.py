"""A phone is its E.164 number under the numbering plan of its country; an e-mail is its lower-case address.

Numbers are kept when they are *possible* (a typing error still says something), and called mobile or landline by the
plan; where the whole number fits neither, by its first digits. Plain numbers take a short way over the library's own
patterns, because its full parse costs a hundred times as much; everything else goes through the library.
"""

import re
from functools import lru_cache
from typing import Final, NamedTuple

import phonenumbers
from phonenumbers import PhoneMetadata

from cdi.normalise.junk import is_junk_email, is_junk_number
from cdi.normalise.text import CACHED, fold, lower


class NumberingPlan(NamedTuple):
    """What of a country's numbering plan is needed at every number. `either`: mobile or landline; `lengths` are those
    that a number may have though it is neither (none where only the library can tell); `kept`: what is a number with
    its trunk prefix."""

    country_code: str
    trunk_prefix: str
    mobile: re.Pattern[str]
    landline: re.Pattern[str]
    either: re.Pattern[str]
    lengths: frozenset[int]
    kept: re.Pattern[str]


_SEPARATORS: Final = str.maketrans("", "", " \t-/().·–‐‑")
_EXTENSION = re.compile(r"[;,]?\s*(?:ext\.?|x|durchwahl|dw\.?)\s*\d{1,6}$", re.IGNORECASE)
_PLAIN = re.compile(r"\+?[0-9]{3,17}")
MAX_PHONE_LENGTH: Final = 40
MIN_NATIONAL: Final = 5
SHORTEST: Final = 10_000  # what is shorter is an emergency or service number, nobody's own
LONG_FOR_A_NATIONAL_NUMBER: Final = 11  # "49 170 4711081" without its plus, not Leer (0491) without its nought


@lru_cache(maxsize=300)
def _plan(country: str) -> NumberingPlan | None:
    """The plan of a country, or of a calling code such as "+49"; None where there is none."""
    region = phonenumbers.region_code_for_country_code(int(country[1:])) if country[0:1] == "+" else country
    metadata = PhoneMetadata.metadata_for_region(region, None)
    if metadata is None:
        return None
    mobile, landline, every = (
        (description and description.national_number_pattern) or "(?!)"
        for description in (metadata.mobile, metadata.fixed_line, metadata.general_desc)
    )
    return NumberingPlan(
        country_code=str(metadata.country_code),
        trunk_prefix=metadata.national_prefix or "",
        mobile=re.compile(mobile),
        landline=re.compile(landline),
        either=re.compile(f"(?:{mobile})|(?:{landline})"),
        lengths=_lengths(metadata),
        kept=re.compile(every),
    )


def _lengths(metadata: PhoneMetadata) -> frozenset[int]:
    """The lengths of possible numbers of a country that dials 0 at home and 00 abroad, and has its code to itself or
    is the first of those that share it."""
    prefixes = (metadata.national_prefix, metadata.national_prefix_for_parsing, metadata.international_prefix)
    first = phonenumbers.region_code_for_country_code(metadata.country_code or 0)
    if prefixes != ("0", "0", "00") or metadata.national_prefix_transform_rule or metadata.id != first:
        return frozenset()
    lengths = metadata.general_desc.possible_length if metadata.general_desc else ()
    return frozenset(length for length in lengths if length >= MIN_NATIONAL)


@lru_cache(maxsize=1_000)
def _calling_code(digits: str) -> str:
    """The calling code that a number begins with, told by its first three digits; empty where there is none."""
    for length in (1, 2, 3) if digits[:1] != "0" else ():
        if int(digits[:length]) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
            return digits[:length]
    return ""


def _by_plan(text: str, country: str) -> str:
    """E.164 of a plainly written number, or empty where the library must look."""
    abroad = text[1:] if text.startswith("+") else text[2:] if text.startswith("00") else ""
    if abroad:
        code = _calling_code(abroad[:3])
        plan, attempts = _plan(f"+{code}") if code else None, [abroad[len(code) :]]
    else:
        plan = _plan(country)
        attempts = _national_readings(text, plan) if plan else []
    if plan is None:
        return ""
    for national in attempts:
        for digits in (national, national.removeprefix(plan.trunk_prefix)):
            if plan.either.fullmatch(digits):
                return f"+{plan.country_code}{digits}"
    return _possible(text, attempts[0], plan)


def _possible(text: str, national: str, plan: NumberingPlan) -> str:
    """A number that fits no plan and has a length that numbers have there: what the library would say of it, or empty
    where that has to be asked."""
    if len(national) not in plan.lengths or national[0] == "0":
        return ""
    said_plainly = text[0] == "+" or (text[0] == "0" and text[1] != "0" and not plan.kept.fullmatch(text))
    return f"+{plan.country_code}{national}" if said_plainly else ""


def _national_readings(text: str, plan: NumberingPlan) -> list[str]:
    """What a number without a plus may be: with the country's code, after its trunk prefix, or as it stands."""
    if plan.trunk_prefix and text.startswith(plan.trunk_prefix):
        return [text.removeprefix(plan.trunk_prefix)]
    with_code = len(text) >= LONG_FOR_A_NATIONAL_NUMBER and text.startswith(plan.country_code)
    return [text.removeprefix(plan.country_code), text] if with_code else [text]


def _by_library(text: str, country: str) -> str:
    try:
        number = phonenumbers.parse(text, country or None)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_possible_number(number) or (number.national_number or 0) < SHORTEST:
        return ""
    code, national = number.country_code or 0, phonenumbers.national_significant_number(number)
    e164 = f"+{code}{national}"
    return e164 if _keeps(code, national) or _e164(phonenumbers.parse(e164)) == e164 else ""


def _e164(number: phonenumbers.PhoneNumber) -> str:
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _keeps(code: int, national: str) -> bool:
    """Whether a number is certain to be read again as it is: no nought and no prefix before it that belongs to none."""
    region = phonenumbers.region_code_for_country_code(code)
    metadata = PhoneMetadata.metadata_for_region_or_calling_code(code, region)
    prefix = metadata and metadata.national_prefix_for_parsing
    return national[:1] != "0" and (not prefix or not _pattern(prefix).match(national))


@lru_cache(maxsize=300)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text)


def parse_phone(text: str, country: str = "") -> str:
    """The E.164 number, or empty for what is no number, impossible in its country or a placeholder."""
    if len(text) > MAX_PHONE_LENGTH:
        return ""
    bare = bare_number(text) or _digits(_EXTENSION.sub("", text).replace("(0)", "").removeprefix("tel:"))
    return number_of(bare, country) if bare else ""


def bare_number(text: str) -> str:
    """The digits of a plainly written number, after a plus if there is one; empty for any other text."""
    return _digits(text.replace("(0)", ""))


def _digits(text: str) -> str:
    bare = text.translate(_SEPARATORS)
    return bare if _PLAIN.fullmatch(bare) else ""


def number_of(bare: str, country: str) -> str:
    """The E.164 number of bare digits, or empty as `parse_phone` has it."""
    if is_junk_number(bare.removeprefix("+")):
        return ""
    return _by_plan(bare, country) or _by_library(bare, country)


def phone_line(e164: str) -> tuple[bool, bool]:
    """Whether an E.164 number is (mobile, landline) by its country's plan; a number with a digit too many or
    too few by its first ones."""
    code = _calling_code(e164[1:4]) if _PLAIN.fullmatch(e164) else ""
    plan = _plan("+" + code) if code else None
    if plan is None or len(e164) < len(code) + MIN_NATIONAL:
        return False, False
    national = e164[1 + len(code) :]
    mobile, landline = plan.mobile.fullmatch(national) is not None, plan.landline.fullmatch(national) is not None
    if not mobile and not landline:
        mobile, landline = _line_by_first_digits(e164, national, plan)
    return (mobile, landline) if mobile != landline else (False, False)  # both: one plan for all, as in North America


def _line_by_first_digits(e164: str, national: str, plan: NumberingPlan) -> tuple[bool, bool]:
    """Mobile and landline of a number that the plan does not know: by as many first digits as some number has."""
    if phonenumbers.number_type(phonenumbers.parse(e164)) != phonenumbers.PhoneNumberType.UNKNOWN:
        return False, False  # a service number
    for length in (3, 2, 1):
        first = national[:length]
        mobile, landline = _may_begin(plan.mobile, first), _may_begin(plan.landline, first)
        if mobile or landline:
            return mobile, landline
    return False, False


@lru_cache(maxsize=CACHED)
def _may_begin(pattern: re.Pattern[str], digits: str) -> bool:
    """Whether some number of a plan begins with these digits."""
    return any(pattern.fullmatch(digits + filler * more) for more in range(3, 11) for filler in "0159")


_EMAIL = re.compile(r"[^\s@<>()\[\],;:\"]{1,64}@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,6}[^\W\d_][\w-]{1,30}")
_AT = re.compile(r"\s*[\[(]\s*at\s*[\])]\s*")
_DOT = re.compile(r"\s*[\[(]\s*dot\s*[\])]\s*")


def parse_email(text: str) -> str:
    """The lower-case address, or empty for what cannot be one or is a placeholder."""
    if len(text) > 254:
        return ""
    text = lower(text)
    if "@" not in text:
        text = _DOT.sub(".", _AT.sub("@", text))
    if "<" in text and text.endswith(">"):
        text = text[text.rindex("<") + 1 : -1]
    text = text.removeprefix("mailto:").strip(" .,;:<>\"'")
    text = text.replace(" @", "@").replace("@ ", "@")
    local, _, domain = text.rpartition("@")
    if not _EMAIL.fullmatch(text) or ".." in text or is_junk_email(local, domain):
        return ""
    return text


_SAME_PROVIDER: Final = {"googlemail.com": "gmail.com"}


def comparable_email(email: str) -> str:
    """The address as the engine compares it: without a +tag, one name for a provider with two."""
    local, _, domain = email.rpartition("@")
    return f"{local.partition('+')[0] or local}@{_SAME_PROVIDER.get(domain, domain)}"


_YEAR_HINT = re.compile(r"(?<!\d)(19[2-9]\d|20[01]\d)(?!\d)")
_LOCAL_PARTS = re.compile(r"[a-z\u0250-\uffff]+|\d+")


def email_local_residue(local: str, names: tuple[str, ...]) -> tuple[str, int]:
    """What is left of an e-mail's local part after its owner's own names and initials, and the birth year that it
    hints at (0: none).

    `names` are folded name tokens. ("guenter.schmidt85x", ("guenter", "schmidt")) → ("85x", 0).
    """
    folded = fold(local)
    year = int(hint[1]) if (hint := _YEAR_HINT.search(folded)) else 0
    for name in sorted(filter(None, names), key=len, reverse=True):
        if len(name) >= 3:
            folded = folded.replace(name, " ", 1)
    initials = {name[0] for name in names if name}
    left = [part for part in _LOCAL_PARTS.findall(folded) if part not in initials]
    return "".join(left), year


def phone_tail(e164: str, digits: int = 7) -> str:
    """The last digits of a number: what survives a wrong prefix."""
    return e164[-digits:] if len(e164) > digits else ""
