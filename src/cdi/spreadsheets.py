"""What is written into tables that people open with a spreadsheet."""

import re
from typing import Any, Final

FORMULA: Final = re.compile(r"[=+\-@\t\r＝＋－＠]")
NUMBER: Final = re.compile(r"[+-]?\d[\d ]*(\.\d+)?")


def harmless(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula: what begins like one gets an apostrophe before it. A number, or
    a phone number such as +49221123, is none."""
    if isinstance(value, str) and FORMULA.match(value) and not NUMBER.fullmatch(value):
        return f"'{value}"
    return value
