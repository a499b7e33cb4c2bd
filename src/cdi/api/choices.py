"""A parameter that is one of the words of a vocabulary which is a value of the program, not a type."""

from collections.abc import Sequence
from typing import Any

from pydantic import Field


def one_of(words: Sequence[str]) -> Any:
    """For `Annotated[str, …]`: one of these words; the OpenAPI document lists them."""
    return Field(pattern=f"^({'|'.join(words)})$", json_schema_extra={"enum": list(words)})
