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
    """What of a country's numbering plan is needed at every number."""

    country_code: str
    trunk_prefix: str
    mobile: re.Pattern[str]
    landline: re.Pattern[str]


_SEPARATORS: Final = str.maketrans("", "", " \t-/().·–‐‑")
_EXTENSION = re.compile(r"[;,]?\s*(?:ext\.?|x|durchwahl|dw\.?)\s*\d{1,6}$", re.IGNORECASE)
_PLAIN = re.compile(r"\+?[0-9]{3,17}")
MAX_PHONE_LENGTH: Final = 40
MIN_NATIONAL: Final = 5
E164: Final = phonenumbers.PhoneNumberFormat.E164
SHORTEST: Final = 10_000  # what is shorter is an emergency or service number, nobody's own
LONG_FOR_A_NATIONAL_NUMBER: Final = 11  # "49 170 4711081" without its plus, not Leer (0491) without its nought


@lru_cache(maxsize=300)
def _plan(country: str) -> NumberingPlan | None:
    """The plan of a country, or of a calling code such as "+49"; None where there is none."""
    region = phonenumbers.region_code_for_country_code(int(country[1:])) if country[0:1] == "+" else country
    metadata = PhoneMetadata.metadata_for_region(region, None)
    if metadata is None:
        return None
    mobile, landline = (
        re.compile((description and description.national_number_pattern) or "(?!)")
        for description in (metadata.mobile, metadata.fixed_line)
    )
    return NumberingPlan(str(metadata.country_code), metadata.national_prefix or "", mobile, landline)


def _calling_code(digits: str) -> str:
    for length in (1, 2, 3) if digits[:1] != "0" else ():
        if int(digits[:length]) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
            return digits[:length]
    return ""


def _fits(plan: NumberingPlan, national: str) -> bool:
    return plan.mobile.fullmatch(national) is not None or plan.landline.fullmatch(national) is not None


def _by_plan(text: str, country: str) -> str:
    """E.164 of a plainly written number, or empty where the library must look."""
    if text.startswith("00"):
        text = f"+{text[2:]}"
    if text.startswith("+"):
        code = _calling_code(text[1:])
        plan, attempts = _plan(f"+{code}") if code else None, [text[1 + len(code) :]]
    else:
        plan = _plan(country)
        attempts = _national_readings(text, plan) if plan else []
    if plan is None:
        return ""
    for national in attempts:
        for digits in (national, national.removeprefix(plan.trunk_prefix)):
            if _fits(plan, digits):
                return f"+{plan.country_code}{digits}"
    return ""


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
    e164 = phonenumbers.format_number(number, E164)
    reads_as_itself = phonenumbers.format_number(phonenumbers.parse(e164), E164) == e164
    return e164 if reads_as_itself else ""  # noughts that belong to no number


def parse_phone(text: str, country: str = "") -> str:
    """The E.164 number, or empty for what is no number, impossible in its country or a placeholder."""
    if len(text) > MAX_PHONE_LENGTH:
        return ""
    bare = text.replace("(0)", "").translate(_SEPARATORS)
    if not _PLAIN.fullmatch(bare):
        bare = _EXTENSION.sub("", text).replace("(0)", "").removeprefix("tel:").translate(_SEPARATORS)
        if not _PLAIN.fullmatch(bare):
            return ""
    if is_junk_number(bare.removeprefix("+")):
        return ""
    return _by_plan(bare, country) or _by_library(bare, country)


def phone_line(e164: str) -> tuple[bool, bool]:
    """Whether an E.164 number is (mobile, landline) by its country's plan; a number with a digit too many or
    too few by its first ones."""
    code = _calling_code(e164[1:]) if _PLAIN.fullmatch(e164) else ""
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
