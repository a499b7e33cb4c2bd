"""Makes the model that ships with the program: `python -m bench.default_model`.

It learns by the same call as everybody else, from generated customers of one seed and nothing else; no real person's
data, and none of the labelled files that the engine is measured with, has a part in it. Equal code, equal model.
"""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.normalised import generated
from bench.run_cdi import encoded
from cdi.matching.model import Frequencies
from cdi.matching.training import start_model, train

SEED = 20_260
RECORDS = 60_000
TARGET = Path(__file__).parents[1] / "src" / "cdi" / "matching" / "models" / "default.json"


def _careful(known: Frequencies) -> Frequencies:
    """A name that was not among the generated ones may be common where the model is used: it counts as somewhat rare
    and no more."""
    return replace(known, rare=max(known.rare, known.collision / 10))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        table = encoded(str(generated(RECORDS, SEED, Path(folder))))
    model = train(table, start_model(table), seed=SEED)
    told = {**model.provenance, "population": "bench/population.py", "population_seed": SEED}
    # What was too frequent among generated people says nothing of anybody's customers.
    frequencies = {name: _careful(known) for name, known in model.frequencies.items()}
    nothing = {"refused": np.zeros(0, np.int64), "shared": np.zeros(0, np.uint64)}
    model = replace(model, frequencies=frequencies, provenance=told, **nothing)
    TARGET.write_text(model.to_json(), encoding="utf-8")
    print(f"{TARGET.name}: version {model.version}, {TARGET.stat().st_size // 1024} kB")


if __name__ == "__main__":
    main()
