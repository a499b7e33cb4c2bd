"""An organisation, its sister at one place with another name, and its sister of one name at another place are three."""

import numpy as np

from cdi.fields import Kind
from cdi.matching import engine
from cdi.matching.comparing.answers import Subject
from cdi.matching.comparing.organisations import organisation
from cdi.matching.evaluation import pairwise
from cdi.matching.training import start_model, train
from cdi.normalise.record import Address, NormalisedRecord
from cdi.resolution.clusters import ClusterRules, form_clusters
from cdi.resolution.decisions import Constraints
from people import FAMILY, STREETS, table_of

TRADES = ("baustoffe", "logistik", "optik", "druck")


def company(name: str, home: Address, trade: str, website: str) -> NormalisedRecord:
    attributes = (("industry", trade), ("website", website))
    return NormalisedRecord(kind=Kind.ORGANISATION, organisation=name, addresses=(home,), attributes=attributes)


def groups(count: int) -> tuple[list[NormalisedRecord], list[int]]:
    """Groups of one to three organisations, each with some records, and the number of each record's organisation."""
    rng = np.random.default_rng(4)
    records, truth = [], []
    for number in range(count):
        stem, trade = FAMILY[number % len(FAMILY)], str(rng.choice(TRADES))
        here, there = (
            Address(str(rng.choice(STREETS)), str(rng.integers(1, 99)), str(rng.integers(10_000, 99_000)), "")
            for _ in range(2)
        )
        site = f"{stem}{trade}{number}"
        organisations = (
            (f"{stem} {trade}", here, site),
            (f"{stem} holding", here, f"{stem}gruppe{number}"),
            (f"{stem} {trade}", there, site),
        )
        for own, (name, home, website) in enumerate(organisations):
            if own and rng.random() < 0.6:
                continue
            for written in (name, name, name.replace(trade, trade[:4])):
                records.append(company(written, home, trade, website if rng.random() < 0.8 else ""))
                truth.append(3 * number + own)
    return records, truth


def test_sisters_are_not_merged() -> None:
    records, truth = groups(90)
    table = table_of(*records)
    model = train(table, start_model(table, (("industry", "text"), ("website", "text"))))
    found = engine.match(table, model)
    clusters = form_clusters(
        table.record_ids,
        found.pairs,
        Constraints(),
        ClusterRules(),
        lambda a, b: engine.score(table, model, table.row_of(a), table.row_of(b)),
    )
    measured = pairwise(clusters.labels, np.array(truth)).measure
    assert measured.precision > 0.95
    assert measured.recall > 0.95


def test_a_word_cut_short_stands_for_the_word() -> None:
    names = ("berg instrumente", "berg instr", "berg instandhaltung", "berg optik")
    table = table_of(*(NormalisedRecord(kind=Kind.ORGANISATION, organisation=name) for name in names))
    answers = organisation(Subject(table, start_model()), np.zeros(3, np.int64), np.arange(1, 4))
    same, cut = 1, answers.levels[0]
    assert cut == same
    assert answers.levels[1] > cut
    assert answers.levels[2] > cut
