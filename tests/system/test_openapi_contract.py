"""What the OpenAPI document says is what the API does, whatever is sent: no failure of ours, no answer that is not
described, none that is built otherwise. Examples are made from the document by Schemathesis."""

import os
from collections import Counter
from typing import Final

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import load_all_checks
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.specs.openapi.checks import positive_data_acceptance
from test_authorisation_matrix import callers, company, doors, meant

from conftest import Doors

__all__ = ["callers", "company", "doors", "meant"]
"""Fixtures of the matrix: the same company, the same callers."""

# A document cannot say that source and key go together, or that an id must exist.
BEYOND_A_SCHEMA = [positive_data_acceptance]


EXAMPLES: Final = os.environ.get("CDI_CONTRACT_EXAMPLES")
"""How many examples of each route every role is asked; without it few, and always the same. See docs/api.md."""


def hold_against(schema_of: Doors, keys: dict[str, str], examples: int) -> tuple[dict[str, str], Counter[str]]:
    """What was wrong, by route and key; and how many requests were made with each key."""
    load_all_checks()
    wrong: dict[str, str] = {}
    asked: Counter[str] = Counter()
    schema = schemathesis.openapi.from_asgi("/openapi.json", schema_of.app)
    for found in schema.get_all_operations():
        operation = found.ok()

        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            derandomize=EXAMPLES is None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def holds(case: schemathesis.Case) -> None:
            for name, key in keys.items():
                asked[name] += 1
                answer = case.call(headers={"Authorization": key} if key else {})
                try:
                    case.validate_response(answer, excluded_checks=BEYOND_A_SCHEMA)
                except (Failure, FailureGroup) as error:
                    wrong[f"{case.method} {case.path} as {name}"] = str(error)[:1_000]

        holds()
    return wrong, asked


def keys_of(callers: dict, *names: str) -> dict[str, str]:
    return {name: callers[name].headers.get("authorization", "") for name in names}


def test_every_answer_is_as_described(doors: Doors, callers: dict) -> None:
    wrong, _ = hold_against(doors, keys_of(callers, "admin"), 2)
    assert wrong == {}


@pytest.mark.slow
def test_every_answer_is_as_described_as_each_role(doors: Doors, callers: dict) -> None:
    wrong, asked = hold_against(doors, keys_of(callers, *callers), int(EXAMPLES or 70))
    print(*(f"{name}: {count} requests" for name, count in asked.items()), sep="\n")  # shown by pytest -s
    assert wrong == {}
