"""A model is tried out before it decides, and then does what the trial said."""

from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from domain import assert_consistent

from cdi import modelling
from cdi.errors import ConfigurationError
from cdi.pipeline import Installation, resolve
from cdi.store import models, profiles
from conftest import installation_of


def homes(installation: Installation) -> dict[tuple[str, str], UUID]:
    with installation.database.unit_of_work() as connection:
        return {(source, key): profile for source, key, profile in profiles.all_memberships(connection)}


def with_setting(installation: Installation, old: str, new: str) -> Installation:
    """The same installation after its cdi.yaml was edited."""
    path = installation.folder / "cdi.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    return installation_of(installation.folder, installation.database)


def changes_between(
    before: dict[tuple[str, str], UUID], after: dict[tuple[str, str], UUID]
) -> tuple[set[frozenset[UUID]], dict[UUID, set[frozenset[tuple[str, str]]]]]:
    """(sets of old profiles that became one, old profiles that parted with the records that stayed together)."""
    now: dict[UUID, set[tuple[str, str]]] = {}
    for record, profile in after.items():
        now.setdefault(profile, set()).add(record)
    merges = {frozenset(before[record] for record in members) for members in now.values()}
    parts: dict[UUID, set[frozenset[tuple[str, str]]]] = {}
    for members in now.values():
        for old in {before[record] for record in members}:
            parts.setdefault(old, set()).add(frozenset(r for r in members if before[r] == old))
    return {m for m in merges if len(m) > 1}, {old: p for old, p in parts.items() if len(p) > 1}


def test_a_simulation_lists_exactly_what_applying_then_does(handelshaus: Installation) -> None:
    before = homes(handelshaus)
    bolder = with_setting(handelshaus, "match: 0.5", "match: 0.3")
    expected = modelling.simulate(bolder)
    assert homes(bolder) == before, "a simulation writes nothing"
    assert expected.merges
    resolve(bolder)
    merges, splits = changes_between(before, homes(bolder))
    assert {frozenset(merge.profiles) for merge in expected.merges} == merges
    assert {s.profile: {frozenset(part) for part in s.parts} for s in expected.splits} == splits
    assert_consistent(bolder)
    again = modelling.simulate(bolder)
    assert (again.merges, again.splits) == ((), ())


@pytest.mark.slow
def test_a_trained_model_decides_only_when_it_is_named(handelshaus: Installation) -> None:
    trained = modelling.train(handelshaus, "november", handelshaus.folder / "truth.csv")
    assert trained.labelled > 1_000
    before = homes(handelshaus)
    assert resolve(handelshaus).events == 0
    report = modelling.compare_models(handelshaus, handelshaus.folder / "truth.csv", ["default", "november"])
    assert report["november"]["version"] != report["default"]["version"]
    assert report["november"]["pairwise"]["f1"] >= report["default"]["pairwise"]["f1"] - 0.01
    named = with_setting(handelshaus, "model: default", "model: november")
    expected = modelling.simulate(named)
    resolve(named)
    merges, _ = changes_between(before, homes(named))
    assert {frozenset(merge.profiles) for merge in expected.merges} == merges
    assert_consistent(named)


def test_a_model_that_does_not_exist_is_named(handelshaus: Installation) -> None:
    wrong = with_setting(handelshaus, "model: default", "model: nowhere")
    with pytest.raises(ConfigurationError, match="no model nowhere"):
        resolve(wrong)


def test_a_model_survives_as_its_json(company: Installation, tmp_path: Path) -> None:
    from cdi.clock import utc_now
    from cdi.matching.model import default_model

    model = replace(default_model(), match=0.7)
    with company.database.unit_of_work() as connection:
        models.save_model(connection, "kept", model, "a test", utc_now())
        again = models.named_model(connection, "kept")
    assert again is not None
    assert again.version == model.version


def test_the_chart_shows_what_each_threshold_gives(handelshaus: Installation) -> None:
    page = modelling.chart(handelshaus, handelshaus.folder / "truth.csv")
    assert page.count("<polyline") == 3
    assert "match 0.5" in page and "review 0.2" in page
    assert "http" not in page, "the page needs nothing from elsewhere"
    half = next(row for row in page.split("<tr>") if row.startswith("<td>0.50"))
    precision, recall = (float(cell.split("</td>")[0]) for cell in half.split("<td>")[2:4])
    assert precision > 0.9 and recall > 0.8
