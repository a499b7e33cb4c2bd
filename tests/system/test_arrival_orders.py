"""In whatever order records arrive, and in whatever batches, they come to the same profiles, values and questions, and
to those of a run over everything."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from arrivals import Sayings, assert_same_end, batches, customers_of, hard_ones, say
from domain import assert_consistent, count, feed_of

from cdi.pipeline import Installation, meeting, publishing, resolve
from conftest import copy_of, installation_of

Template = tuple[Path, str]


@contextmanager
def empty_company(template: Template, server_url: str, migrated: str) -> Iterator[Installation]:
    """The sample company before its first record."""
    with copy_of(server_url, migrated) as database:
        yield installation_of(template[0], database)


@pytest.fixture(scope="module")
def everything(resolved_template: Template, server_url: str) -> tuple[Sayings, Sayings]:
    """All that was said of the sample company's customers, and the hard part of it."""
    with copy_of(server_url, resolved_template[1]) as database:
        installation = installation_of(resolved_template[0], database)
        said = customers_of(installation)
        return said, hard_ones(installation, said, 250)


@pytest.fixture(scope="module")
def at_once(
    everything: tuple[Sayings, Sayings], resolved_template: Template, server_url: str, migrated_template: str
) -> Iterator[Installation]:
    """The hard part, landed together and resolved by a run over everything."""
    with empty_company(resolved_template, server_url, migrated_template) as installation:
        say(installation, everything[1].in_order(Random(0)))
        resolve(installation, full=True)
        yield installation


def tell(installation: Installation, said: Sayings, seed: int) -> None:
    """Everything in a random order; one batch in four waits for the next to be resolved. In how many parts a batch
    looks for whom it meets, and how many profiles are written at once, decides nothing either."""
    dice = Random(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(meeting, "PART", dice.choice([1, 10, meeting.PART]))
        patch.setattr(publishing, "AT_ONCE", dice.choice([1, 7, publishing.AT_ONCE]))
        for batch in batches(said.in_order(dice), dice):
            say(installation, batch)
            if dice.random() < 0.75:
                resolve(installation)
        resolve(installation)
    assert count(installation, "redo") == 0


def check_order(
    template: Template, server_url: str, migrated: str, said: Sayings, seed: int, end: Installation
) -> None:
    with empty_company(template, server_url, migrated) as installation:
        tell(installation, said, seed)
        assert_consistent(installation)
        feed_of(installation)
        assert_same_end(installation, end)


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_arrival_decides_nothing_at_the_sample_company(
    everything: tuple[Sayings, Sayings],
    at_once: Installation,
    resolved_template: Template,
    server_url: str,
    migrated_template: str,
    seed: int,
) -> None:
    check_order(resolved_template, server_url, migrated_template, everything[1], seed, at_once)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5, 100))
def test_no_order_of_arrival_decides_anything(
    everything: tuple[Sayings, Sayings],
    at_once: Installation,
    resolved_template: Template,
    server_url: str,
    migrated_template: str,
    seed: int,
) -> None:
    check_order(resolved_template, server_url, migrated_template, everything[1], seed, at_once)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_the_whole_company_in_any_order(
    everything: tuple[Sayings, Sayings], resolved_template: Template, server_url: str, migrated_template: str, seed: int
) -> None:
    with empty_company(resolved_template, server_url, migrated_template) as end:
        say(end, everything[0].in_order(Random(seed + 1_000)))
        resolve(end, full=True)
        check_order(resolved_template, server_url, migrated_template, everything[0], seed, end)
