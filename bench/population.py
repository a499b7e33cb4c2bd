"""Customers are made before records: households, the persons in them, what happened to them in life, and only then
what each source wrote down, with its gaps and its errors. Equal seed and size, equal file.

Everything is an array over all records; only the values that get an error are touched one by one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import words

Texts = NDArray[np.object_]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

SOURCES = np.array(["shop", "webshop", "callcenter", "social"], dtype=object)
RECORDS_A_PERSON = np.array([0.42, 0.29, 0.16, 0.08, 0.05])
HOUSEHOLD_SIZES = np.array([0.42, 0.31, 0.13, 0.10, 0.04])

# by source: how often a field is empty (shop, webshop, callcenter, social)
GAPS = {
    "given": (0.02, 0.01, 0.03, 0.08),
    "family": (0.01, 0.01, 0.01, 0.22),
    "birth": (0.25, 0.45, 0.45, 0.80),
    "address": (0.08, 0.03, 0.15, 0.85),
    "landline": (0.55, 0.80, 0.45, 0.95),
    "mobile": (0.35, 0.40, 0.25, 0.80),
    "email": (0.50, 0.02, 0.55, 0.30),
}
# by source: how often a field that is there has an error
ERRORS = (0.05, 0.04, 0.09, 0.05)


@dataclass(frozen=True, slots=True)
class Population:
    """Records as columns of text, and by record its customer and household."""

    columns: dict[str, Texts]
    entity: Ints
    household: Ints

    def __len__(self) -> int:
        return len(self.entity)


@dataclass(frozen=True, slots=True)
class _Persons:
    """One entry a person; `former_` is what was true before a move or a marriage."""

    household: Ints
    female: Bools
    given: Texts
    family: Texts
    former_family: Texts
    year: Ints
    month: Ints
    day: Ints
    home: Ints
    former_home: Ints
    mobile: Texts
    email: Texts


@dataclass(frozen=True, slots=True)
class _Homes:
    """Addresses and their landlines; a person's home is an index into them."""

    street: Texts
    number: Texts
    postal_code: Texts
    city: Texts
    landline: Texts


def generate(records: int, seed: int) -> Population:
    """About `records` records (exactly as many), of about half as many customers."""
    rng = np.random.default_rng(seed)
    count = int(records / (RECORDS_A_PERSON @ np.arange(1, 6))) + 1
    homes = _homes(int(count * 1.2), rng)
    persons = _persons(count, homes, rng)
    copies = rng.choice(np.arange(1, 6), count, p=RECORDS_A_PERSON)
    person = np.repeat(np.arange(count), copies)
    person = rng.permutation(person)[:records]
    while len(person) < records:  # a rare shortfall of the draw
        person = np.concatenate((person, rng.integers(0, count, records - len(person))))
    columns = _written_down(person, persons, homes, rng)
    return Population(columns, person.astype(np.int64), persons.household[person])


def _words(text: str) -> Texts:
    return np.array(text.split(), dtype=object)


def _zipf(size: int, exponent: float) -> NDArray[np.float64]:
    weights = 1 / (np.arange(size) + 3) ** exponent
    return weights / weights.sum()


def _draw(values: Texts, size: int, rng: np.random.Generator, exponent: float) -> Texts:
    drawn: Texts = values[rng.choice(len(values), size, p=_zipf(len(values), exponent))]
    return drawn


def _composed(stems: str, endings: str, rng: np.random.Generator) -> Texts:
    made = {a + b for a in stems.split() for b in endings.split()}
    return rng.permutation(np.array(sorted(made), dtype=object))


def _surnames(rng: np.random.Generator) -> Texts:
    """Common ones first, then composed ones, and double-stemmed ones as the long tail."""
    short = _composed(words.SURNAME_STEMS, words.SURNAME_ENDINGS, rng)
    long = np.char.add(
        rng.choice(_words(words.PLACE_STEMS), 40_000).astype(str), rng.permutation(np.resize(short, 40_000)).astype(str)
    )
    tail = np.array([name.capitalize() for name in dict.fromkeys(long.tolist())], dtype=object)
    return np.concatenate((_words(words.SURNAMES), short, tail))


def _homes(count: int, rng: np.random.Generator) -> _Homes:
    cities = _composed(words.PLACE_STEMS, words.PLACE_ENDINGS, rng)
    city = rng.choice(len(cities), count, p=_zipf(len(cities), 0.8))
    districts = np.maximum(1, (4_000 * _zipf(len(cities), 0.8)).astype(np.int64))  # bigger towns have more codes
    first_code = 1_000 + np.concatenate(([0], np.cumsum(districts)[:-1])) * 7
    code = first_code[city] + 7 * (rng.random(count) * districts[city]).astype(np.int64)
    streets = _composed(words.STREET_STEMS, words.STREET_ENDINGS, rng)
    letter = np.where(rng.random(count) < 0.1, rng.choice(list("abcd"), count), "")
    area = 2_000 + city % 7_900
    line = rng.integers(10_000, 9_999_999, count)
    has_line = rng.random(count) < 0.75
    return _Homes(
        street=_draw(streets, count, rng, 0.5),
        number=np.array(
            [
                f"{n}{a}"
                for n, a in zip((rng.pareto(1.2, count) * 12 + 1).astype(int).clip(1, 260), letter, strict=True)
            ],
            dtype=object,
        ),
        postal_code=np.array([f"{c:05d}" for c in code], dtype=object),
        city=cities[city],
        landline=np.array(
            [f"0{a}{n}" if h else "" for a, n, h in zip(area, line, has_line, strict=True)], dtype=object
        ),
    )


def _persons(count: int, homes: _Homes, rng: np.random.Generator) -> _Persons:
    size = rng.choice(np.arange(1, 6), count, p=HOUSEHOLD_SIZES)
    household = np.repeat(np.arange(count), size)[:count]
    first = np.searchsorted(household, household)
    place = np.arange(count) - first
    families = _draw(_surnames(rng), count, rng, 0.85)
    female = np.where(place == 1, rng.random(count) < 0.9, rng.random(count) < 0.45)
    own_name = (place <= 1) & (rng.random(count) < 0.12)
    family = np.where(own_name, rng.permutation(families), families[household])
    given = np.where(female, _given(words.FEMALE, count, rng), _given(words.MALE, count, rng))
    adult = rng.integers(1938, 1998, count)
    head = adult[first]
    year = np.where(
        place == 0, adult, np.where(place == 1, head + rng.integers(-6, 9, count), head + rng.integers(20, 40, count))
    )
    year = np.clip(year, 1925, 2012)
    month, day = rng.integers(1, 13, count), rng.integers(1, 29, count)
    twin = (place >= 3) & (rng.random(count) < 0.08)
    for values in (year, month, day):
        values[1:][twin[1:]] = values[:-1][twin[1:]]
    junior = (place == 2) & ~female & (rng.random(count) < 0.08)
    given[junior] = given[first][junior]
    married = female & (rng.random(count) < 0.10)
    moved = rng.random(count) < 0.18
    home = household
    former_home = np.where(
        moved, int(household.max()) + 1 + rng.integers(0, len(homes.city) - int(household.max()) - 1, count), home
    )
    return _Persons(
        household=household.astype(np.int64),
        female=female,
        given=given,
        family=family,
        former_family=np.where(married, rng.permutation(families), family),
        year=year,
        month=month,
        day=day,
        home=home.astype(np.int64),
        former_home=former_home.astype(np.int64),
        mobile=np.array(
            [
                f"01{p}{n}"
                for p, n in zip(
                    rng.choice([51, 52, 57, 60, 62, 63, 70, 71, 72, 73, 75, 76, 77, 78, 79], count),
                    rng.integers(10**7, 10**8, count),
                    strict=True,
                )
            ],
            dtype=object,
        ),
        email=_emails(given, family, year, household, rng),
    )


def _given(text: str, count: int, rng: np.random.Generator) -> Texts:
    names = _words(text)
    single, second = _draw(names, count, rng, 0.6), _draw(names, count, rng, 0.6)
    double = rng.random(count) < 0.05
    joined = np.array([f"{a}-{b}" for a, b in zip(single[double], second[double], strict=True)], dtype=object)
    single[double] = joined
    return single


_PLAIN = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", " ": "", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})


def _emails(given: Texts, family: Texts, year: Ints, household: Ints, rng: np.random.Generator) -> Texts:
    """Mostly made of the person's own names; one household in twenty shares one."""
    count = len(given)
    providers = _draw(_words(words.PROVIDERS), count, rng, 1.0)
    style, number = rng.integers(0, 6, count), rng.integers(1, 999, count)
    made = np.empty(count, dtype=object)
    for i in range(count):
        first, last = given[i].lower().translate(_PLAIN), family[i].lower().translate(_PLAIN)
        made[i] = (
            (
                f"{first}.{last}",
                f"{first}{last}{number[i]}",
                f"{first[0]}.{last}{year[i] % 100}",
                f"{last}{year[i]}",
                f"{first}{number[i]}",
                f"{last}.{first}{number[i]}",
            )[style[i]]
            + "@"
            + providers[i]
        )
    shared = (household % 20 == 3) & (rng.random(count) < 0.8)
    made[shared] = made[np.searchsorted(household, household)][shared]
    return made


def _written_down(person: Ints, persons: _Persons, homes: _Homes, rng: np.random.Generator) -> dict[str, Texts]:
    """What each record says of its person: in the format of its source, of its time, with gaps and errors."""
    count = len(person)
    source = rng.integers(0, 4, count)
    old = rng.random(count) < 0.4
    home = np.where(old, persons.former_home[person], persons.home[person])
    family = np.where(old, persons.former_family[person], persons.family[person])
    given = persons.given[person]
    given = _some(given, rng.random(count) < 0.04, lambda name: words.SHORT.get(name, name))
    given = _some(given, rng.random(count) < 0.02, lambda name: name[:1] + ".")
    swapped = rng.random(count) < 0.012
    given, family = np.where(swapped, family, given), np.where(swapped, given, family)
    fields: dict[str, Texts] = {
        "given": given,
        "family": family,
        "street": homes.street[home],
        "number": homes.number[home],
        "postal_code": homes.postal_code[home],
        "city": homes.city[home],
        "landline": homes.landline[home],
        "mobile": persons.mobile[person],
        "email": persons.email[person],
    }
    error = np.array(ERRORS)[source]
    for name, values in fields.items():
        rate = error * (0.4 if name in {"email", "mobile", "landline", "number"} else 1.0)
        fields[name] = _distorted(values, rng.random(count) < rate, rng)
    birth = _dates(person, persons, source, rng.random(count) < error * 0.7, rng)
    gaps = {name: rng.random(count) < np.array(rates)[source] for name, rates in GAPS.items()}
    street_line = np.array([f"{s} {n}" for s, n in zip(fields["street"], fields["number"], strict=True)], dtype=object)
    salutation = np.where(persons.female[person], "Frau", "Herr").astype(object)
    created = [
        f"{y}-{m:02d}-{d:02d}"
        for y, m, d in zip(
            np.where(old, 2016, 2021) + rng.integers(0, 5, count),
            rng.integers(1, 13, count),
            rng.integers(1, 29, count),
            strict=True,
        )
    ]
    return {
        "record_id": np.array([f"b{i:07d}" for i in range(count)], dtype=object),
        "source": SOURCES[source],
        "created_at": np.array(created, dtype=object),
        "salutation": np.where(rng.random(count) < 0.35, "", salutation),
        "first_name": np.where(gaps["given"], "", fields["given"]),
        "last_name": np.where(gaps["family"], "", fields["family"]),
        "birth_date": np.where(gaps["birth"], "", birth),
        "street_line": np.where(gaps["address"], "", street_line),
        "postcode": np.where(gaps["address"], "", fields["postal_code"]),
        "city": np.where(gaps["address"], "", fields["city"]),
        "phone": np.where(gaps["landline"], "", _phone_format(fields["landline"], source)),
        "mobile": np.where(gaps["mobile"], "", _phone_format(fields["mobile"], source)),
        "email": np.where(gaps["email"], "", fields["email"]),
    }


def _some(values: Texts, chosen: Bools, change: Callable[[str], str]) -> Texts:
    changed = values.copy()
    for i in np.flatnonzero(chosen):
        changed[i] = change(values[i])
    return changed


def _dates(person: Ints, persons: _Persons, source: Ints, wrong: Bools, rng: np.random.Generator) -> Texts:
    year, month, day = persons.year[person].copy(), persons.month[person].copy(), persons.day[person].copy()
    kind = rng.integers(0, 4, len(person))
    year[wrong & (kind == 0)] += rng.choice([-10, -1, 1, 10], int((wrong & (kind == 0)).sum()))
    swap = wrong & (kind == 1) & (day <= 12)
    month[swap], day[swap] = day[swap], month[swap]
    day[wrong & (kind == 2)] = 1
    month[wrong & (kind == 2)] = 1
    slip = wrong & (kind == 3)
    day[slip] = (day[slip] + rng.integers(1, 9, int(slip.sum()))) % 28 + 1
    return np.array(
        [
            f"{y}-{m:02d}-{d:02d}" if s == 1 else f"{d:02d}.{m:02d}.{y}"
            for y, m, d, s in zip(year, month, day, source, strict=True)
        ],
        dtype=object,
    )


def _phone_format(numbers: Texts, source: Ints) -> Texts:
    def written(number: str, style: int) -> str:
        if not number:
            return ""
        return (number, f"+49{number[1:]}", f"{number[:4]} {number[4:]}", f"0049 {number[1:4]}/{number[4:]}")[style]

    return np.array([written(n, s) for n, s in zip(numbers, source, strict=True)], dtype=object)


_NEAR = dict(zip("qwertzuiopasdfghjklyxcvbnm1234567890", "wertzuioüsdfghjklöxcvbnm,2345678909", strict=False))
_SEEN_AS = (("o", "0"), ("l", "1"), ("rn", "m"), ("e", "c"), ("i", "l"), ("n", "r"), ("g", "q"))
_HEARD_AS = (("ie", "i"), ("th", "t"), ("ck", "k"), ("ei", "ai"), ("tz", "z"), ("mm", "m"), ("dt", "t"), ("ph", "f"))


def _distorted(values: Texts, chosen: Bools, rng: np.random.Generator) -> Texts:
    """One error in each of the chosen values: a slip of the finger, of the eye, or of the ear."""
    changed = values.copy()
    rows = np.flatnonzero(chosen)
    for i, kind, place in zip(rows, rng.integers(0, 8, len(rows)), rng.random(len(rows)), strict=True):
        if len(values[i]) > 1:
            changed[i] = _slip(values[i], int(kind), int(place * (len(values[i]) - 1)))
    return changed


def _slip(text: str, kind: int, at: int) -> str:
    if kind <= 4:
        here, after = text[at], text[at + 1 :]
        typed = (after[:1] + here + after[1:], after, here + here + after, _near(here) + after, _near(here) + after)
        return text[:at] + typed[kind]
    for seen, read in _SEEN_AS if kind == 5 else _HEARD_AS if kind == 6 else ():
        if seen in text[1:]:
            return text[0] + text[1:].replace(seen, read, 1)
    return text.upper()


def _near(letter: str) -> str:
    return _NEAR.get(letter.lower(), letter)


def as_mapping(population: Population) -> dict[str, Any]:
    """Columns as lists, for writing."""
    return {name: values.tolist() for name, values in population.columns.items()}
