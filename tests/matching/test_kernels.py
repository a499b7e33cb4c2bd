"""Compiled loops equal their plain definitions for every input."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdi.matching import blocking, features, grouping, kernels, similarity
from cdi.matching.blocking import Limits, candidate_pairs
from cdi.matching.columns import DOUBTFUL, FORMER, Addresses, Ragged, RecordTable, encode
from cdi.matching.comparing.addresses import address
from cdi.matching.comparing.answers import Subject, crossed
from cdi.matching.comparing.birth import birth_date
from cdi.matching.comparing.contacts import mobile
from cdi.matching.comparing.names import given_name, surname
from cdi.matching.engine import applicable, compare, match, score
from cdi.matching.model import Frequencies
from cdi.matching.pairs import IntArray, ScoredPairs, in_order, places
from cdi.matching.texts import Values, bytes_of, to_arrow
from cdi.matching.training import start_model, train
from cdi.resolution import clusters
from cdi.resolution.clusters import ClusterRules
from cdi.resolution.components import component_of
from cdi.resolution.decisions import Constraints
from people import population

NAMES = st.lists(st.text("abcdeäßé\u2009\xa0日", max_size=6), max_size=3).map(" ".join)
LOCALS = st.lists(
    st.one_of(st.text("abcdeäß", max_size=6), st.sampled_from([".", "_", "-", " ", "19", "1985", "7", "²", "٣", "A"])),
    max_size=6,
).map("".join)


def objects(texts: list[str]) -> np.ndarray:
    found = np.empty(len(texts), dtype=object)
    found[:] = texts
    return found


@settings(deadline=None, max_examples=300)
@given(st.lists(st.tuples(LOCALS, NAMES, NAMES), min_size=1, max_size=8))
def test_what_is_left_of_local_parts(rows: list[tuple[str, str, str]]) -> None:
    local, first, last = (objects(list(column)) for column in zip(*rows, strict=True))
    codes = np.arange(len(rows), dtype=np.int32)
    many = features._many_residues((local, first, last), (codes, codes, codes))
    assert many.values[many.codes].tolist() == [features.residue(*row) for row in rows]


@settings(deadline=None, max_examples=300)
@given(
    st.lists(
        st.lists(st.sampled_from(["a", "1", "9", "85", "1985", "2019", "2020", ".", "²", "٣", "ä"]), max_size=6),
        min_size=1,
        max_size=8,
    )
)
def test_years_in_local_parts(parts: list[list[str]]) -> None:
    texts = objects(["".join(part) for part in parts])
    found = kernels.years(*bytes_of(texts))
    plain = [features._year_in(text) for text in texts]
    assert [p if f < 0 else f for f, p in zip(found.tolist(), plain, strict=True)] == plain


@settings(deadline=None, max_examples=300)
@given(
    st.lists(st.lists(st.sampled_from(["a@", "@", "web.de", "7", "85", "²", "٣", "ä", "abcd", "XyzÄb"])).map("".join))
)
def test_what_addresses_and_local_parts_tell(texts: list[str]) -> None:
    def told() -> list[list[object]]:
        values = objects(texts)
        before, behind = map(encode, features._cut_at_the_sign(values))
        words = features._first_words(values)
        columns = [column.values[column.codes].tolist() for column in (before, behind, words)]
        return [*columns, features._two_digits_in(values).tolist()]

    plain = told()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(similarity, "MANY", -1)
        assert told() == plain


SPELLINGS = st.one_of(
    st.text("abc", max_size=9), st.text("abcdeäß日 ", max_size=20), st.text("ab", min_size=60, max_size=70)
)


@settings(deadline=None, max_examples=500)
@given(
    st.lists(st.tuples(SPELLINGS, SPELLINGS), min_size=1, max_size=6),
    st.integers(0, 3),
    st.sampled_from([0.65, 0.85, 0.9]),
)
def test_how_alike_texts_are(pairs: list[tuple[str, str]], at_most: int, at_least: float) -> None:
    values = Values(to_arrow([text for pair in pairs for text in pair]))
    low, high = np.arange(0, len(values), 2), np.arange(1, len(values), 2)
    plain_edits = similarity.edit_distances(values, low, high, at_most).tolist()
    plain = similarity.name_similarities(values, low, high, at_least).tolist()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(similarity, "SOME", 0)
        assert similarity.edit_distances(values, low, high, at_most).tolist() == plain_edits
        assert similarity.name_similarities(values, low, high, at_least).tolist() == plain


@pytest.mark.parametrize(("one", "other", "at_least"), [("burgweg", "burgring", 0.85), ("tobbias", "tobi", 0.9)])
def test_a_similarity_that_is_the_bound_reaches_it(one: str, other: str, at_least: float) -> None:
    exactly = similarity.name_similarity(objects([one]), objects([other]), 0.1)
    assert (similarity.name_similarity(objects([one]), objects([other]), at_least) > 0) == (exactly >= at_least)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from([-1.5, -0.0, 0.0, 2.25]), st.integers(-2, 2)), max_size=30)
)
def test_entries_are_ordered_by_several_columns(rows: list[tuple[int, float, int]]) -> None:
    columns = [np.array([row[k] for row in rows]) for k in range(3)]
    assert in_order(*columns).tolist() == np.lexsort(columns[::-1]).tolist()


def test_long_texts_are_left_to_the_plain_definition() -> None:
    local, name = objects(["a" * 1000 + "1"]), objects(["a" * 1000])
    code = np.zeros(1, np.int32)
    many = features._many_residues((local, name, name), (code, code, code))
    assert many.values[many.codes[0]] == features.residue(local[0], name[0], name[0])


KEYS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 20)), max_size=40)


@settings(deadline=None, max_examples=200)
@given(KEYS, KEYS)
def test_pairs_of_blocks(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    entries = [np.array(rule, np.int64).reshape(-1, 2) for rule in (one, other)]
    expected = {(min(a, b), max(a, b)) for rule in (one, other) for k, a in rule for q, b in rule if k == q and a != b}
    for many in (-1, 1000):  # compiled, and the plain definition
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(blocking, "MANY", many)
            patch.setattr(similarity, "SOME", many)
            left, right = candidate_pairs([(rule[:, 0], rule[:, 1]) for rule in entries], Limits())
        assert list(zip(left.tolist(), right.tolist(), strict=True)) == sorted(expected)


@settings(deadline=None)
@given(
    st.integers(1, 1 << 21), st.lists(st.lists(st.integers(0, (1 << 21) - 1), max_size=100), min_size=1, max_size=30)
)
def test_pairs_are_brought_into_order(rows: int, drawn: list[list[int]]) -> None:
    """Also where one row has more partners than are ordered one by one."""
    parts = [np.array([value % 3 % rows << 32 | value % rows for value in part], np.int64) for part in drawn]
    assert grouping.ordered_pairs(parts).tolist() == sorted({pair for part in parts for pair in part.tolist()})


@settings(deadline=None)
@given(st.integers(1, 1 << 21), st.integers(1, 1 << 21), st.lists(st.integers(0, (1 << 42) - 1), max_size=100))
def test_pairs_of_many_rows_are_brought_into_order(left: int, right: int, drawn: list[int]) -> None:
    pairs = np.array([(value >> 21) % left << 32 | value % right for value in drawn], np.int64)
    assert grouping.ordered_pairs([pairs]).tolist() == sorted(set(pairs.tolist()))


@settings(deadline=None)
@given(st.lists(st.one_of(st.none(), st.text("ab", max_size=2), st.just("x" * 300)), max_size=400))
def test_what_arrow_has_encoded_is_the_same_column(texts: list[str | None]) -> None:
    plain = encode([text or "" for text in texts])
    for array in (pa.array(texts, pa.string()), pa.array([text or None for text in texts], pa.string())):
        taken = encode(array.dictionary_encode())
        assert taken.values[taken.codes].tolist() == plain.values[plain.codes].tolist()
        assert taken.values[0] == "" and ((taken.codes == 0) == (plain.codes == 0)).all()


@given(st.lists(st.lists(st.one_of(st.none(), st.text("ab", max_size=2)), max_size=6), max_size=3))
def test_what_a_file_has_encoded_piece_by_piece_is_one_column(pieces: list[list[str | None]]) -> None:
    texts = [text or "" for piece in pieces for text in piece]
    arrays = [pa.array(piece, pa.string()).dictionary_encode() for piece in pieces]
    taken = encode(pa.chunked_array(arrays, pa.dictionary(pa.int32(), pa.string())))
    assert taken.values[taken.codes].tolist() == texts
    assert sorted(taken.values.tolist()) == sorted({"", *texts})


FIRST = st.sampled_from(["", "anna", "hanna", "anne", "henn", "walter", "ernst", "walter ernst", "w", "heinz"])
LAST = st.sampled_from(["", "anna", "ernst", "walter", "walther", "henn", "h", "ernst walter"])
BIRTHS = st.sampled_from([0, 19850000, 19850300, 19850203, 19850302, 19850204, 19850304, 18850203, 19860203, 20001231])
MAILS = st.sampled_from(["", "anna1985@a.de", "anna85@a.de", "x86@b.de", "ernst.walter@c.de", "anna1986@a.de"])


@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(FIRST, LAST, BIRTHS, MAILS), min_size=2, max_size=8))
def test_answers_about_pairs(rows: list[tuple[str, str, int, str]]) -> None:
    given_names, family, births, emails = zip(*rows, strict=True)
    table = RecordTable.from_columns(
        np.arange(len(rows)), given=given_names, family=family, emails=emails, birth=np.array(births, np.int32)
    )
    frequencies = {name: Frequencies({"anna": 0.1, "walter": 0.01}, 0.001, 0.02) for name in ("given", "family")}
    subject = Subject(table, replace(start_model(table), frequencies=frequencies))
    a, b = np.triu_indices(len(rows), 1)

    def told() -> list[tuple[list[float], str]]:
        asked = [question(subject, a, b) for question in (given_name, surname, birth_date)]
        scored = compare(subject, applicable(table, subject.model), a, b).scored()
        sums = [(of.tolist(), "") for of in (scored.household, scored.stranger)]
        return [*sums, *[(answers.levels.tolist(), str(answers.shares)) for answers in asked]]

    plain = told()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(similarity, "SOME", -1)
        assert told() == plain


PHONES = st.sampled_from(["491701", "491702", "491703", "491799", "4930", "49301", "431"])
FLAGS = st.sampled_from([0, 0, FORMER, DOUBTFUL])
HOMES = st.tuples(
    st.sampled_from(["", "burgweg", "burgwegg", "burgring", "am ring"]),
    st.sampled_from(["", "1", "2"]),
    st.sampled_from(["", "10115", "10117", "20115", "20099", "1"]),
    st.sampled_from(["", "berlin", "berlinn", "bonn", "köln"]),
    FLAGS,
)


def several(told: list[list[tuple[str, int]]]) -> Ragged:
    column = encode([value for one in told for value, _ in one])
    starts = np.concatenate(([0], np.cumsum([len(one) for one in told])))
    return Ragged(starts, column.codes, np.array([f for one in told for _, f in one], np.uint8), column.values)


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.tuples(st.lists(HOMES, max_size=3), st.lists(st.tuples(PHONES, FLAGS), max_size=3)), min_size=2, max_size=8
    )
)
def test_answers_about_several_values(rows: list[tuple[list[tuple[str, str, str, str, int]], list[tuple[str, int]]]]):
    homes = [home for of_row, _ in rows for home in of_row]
    street, number, postal_code, city = (encode([home[part] for home in homes]) for part in range(4))
    starts = np.concatenate(([0], np.cumsum([len(of_row) for of_row, _ in rows])))
    flags, region = np.array([home[4] for home in homes], np.uint8), encode([""] * len(homes))
    table = replace(
        RecordTable.from_columns(np.arange(len(rows))),
        addresses=Addresses(starts, flags, street, number, postal_code, city, region),
        mobiles=several([phones for _, phones in rows]),
    )
    shared = similarity.hash_texts(["4930"])
    cities = Frequencies({"berlin": 0.1, "bonn": 0.01}, 0.001, 0.02)
    subject = Subject(table, replace(start_model(table), shared=shared, frequencies={"city": cities}))
    a, b = np.triu_indices(len(rows), 1)

    def told() -> list[tuple[list[int], str]]:
        asked = [question(subject, a, b) for question in (address, mobile)]
        return [(answers.levels.tolist(), str(answers.shares)) for answers in asked]

    plain = told()
    with pytest.MonkeyPatch.context() as patch:
        for few in ("SOME", "MANY"):
            patch.setattr(similarity, few, -1)
        assert told() == plain


WORDS = st.lists(
    st.one_of(st.text("acdehklopqrstuxyz", max_size=10), st.text("cdstzxkqph'ßé1", max_size=10), st.text(max_size=3)),
    max_size=10,
)


@settings(deadline=None, max_examples=500)
@given(WORDS)
def test_hashes_of_words_and_of_their_sounds(words: list[str]) -> None:
    texts = objects(words)
    plain = similarity.hash_texts(texts), similarity.sound_hashes(texts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(similarity, "MANY", -1)
        compiled = similarity.hash_texts(texts), similarity.sound_hashes(texts)
    assert [of.tolist() for of in compiled] == [of.tolist() for of in plain]


@given(st.sets(st.integers(-5, 15)), st.booleans(), st.lists(st.integers(-10, 20)))
def test_places_without_a_search(members: set[int], no_gaps: bool, values: list[int]) -> None:
    ordered = np.arange(-3, len(members)) if no_gaps else np.array(sorted(members), np.int64)
    assert places(ordered, np.array(values, np.int64)).tolist() == [int((ordered < value).sum()) for value in values]


@given(st.lists(st.integers(0, 2), min_size=1, max_size=6), st.booleans(), st.data())
def test_values_of_pairs_are_crossed(counts: list[int], single: bool, data: st.DataObject) -> None:
    of_row = [min(count, 1) for count in counts] if single else counts
    starts = np.concatenate(([0], np.cumsum(of_row)))
    rows = st.lists(st.tuples(*[st.integers(0, len(counts) - 1)] * 2), max_size=8)
    a, b = np.array(data.draw(rows), np.int64).reshape(-1, 2).T
    expected = [
        (pair, int(starts[x]) + i, int(starts[y]) + j)
        for pair, (x, y) in enumerate(zip(a.tolist(), b.tolist(), strict=True))
        for i in range(of_row[x])
        for j in range(of_row[y])
    ]
    assert list(zip(*(of.tolist() for of in crossed(starts, a, b)), strict=True)) == expected


@pytest.mark.slow
def test_a_whole_run_is_the_same_with_compiled_loops_and_without() -> None:
    def run(many: int) -> tuple[str, list[list[float]], list[int]]:
        with pytest.MonkeyPatch.context() as patch:
            for module in (similarity, blocking):
                patch.setattr(module, "MANY", many)
            patch.setattr(similarity, "SOME", max(many, similarity.SOME))
            patch.setattr(clusters, "MANY_PAIRS", many)
            table = population(1_500, seed=5).table()
            model = train(table, seed=1)
            found = match(table, model).pairs
            rules = ClusterRules(match=model.match_weight, review=model.review_weight)

            def scores(left: IntArray, right: IntArray) -> ScoredPairs:
                return score(table, model, table.row_of(left), table.row_of(right))

            formed = clusters.form_clusters(table.record_ids, found, Constraints(), rules, scores)
        return model.version, [found.left.tolist(), found.weight.tolist()], formed.labels.tolist()

    assert run(-1) == run(1 << 40)


@settings(deadline=None, max_examples=300)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=12))
def test_what_hangs_together(edges: list[tuple[int, int]]) -> None:
    left, right = (np.array([edge[side] for edge in edges], np.int64) for side in (0, 1))
    plain = component_of(10, left, right)
    assert kernels.components(10, left, right).tolist() == plain.tolist()
