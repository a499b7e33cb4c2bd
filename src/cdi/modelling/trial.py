"""What a model makes of the records, before anything of it is written."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from cdi.errors import ConflictError
from cdi.pipeline import Installation
from cdi.pipeline.parts import Outcome, Snapshot
from cdi.pipeline.rerun import compute, take_snapshot
from cdi.pipeline.resolving import wanted_model
from cdi.store import profiles, records, redo

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Merge:
    """Profiles that would become one."""

    profiles: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class Split:
    """A profile whose records would part: into how many, and which (source, key) would go together."""

    profile: UUID
    parts: tuple[tuple[tuple[str, str], ...], ...]


@dataclass(frozen=True, slots=True)
class Simulation:
    """What applying a model would make different: exactly these merges and splits, and how many profiles stay."""

    model: str
    merges: tuple[Merge, ...]
    splits: tuple[Split, ...]
    unchanged: int
    profiles: int

    def as_dict(self, samples: int = 20) -> dict[str, Any]:
        """Counts, and some of each."""
        return {
            "model": self.model,
            "merges": len(self.merges),
            "splits": len(self.splits),
            "unchanged": self.unchanged,
            "profiles": self.profiles,
            "samples": {
                "merges": [list(map(str, merge.profiles)) for merge in self.merges[:samples]],
                "splits": [
                    {"profile": str(s.profile), "parts": [[f"{a}:{b}" for a, b in part] for part in s.parts]}
                    for s in self.splits[:samples]
                ],
            },
        }


def simulate(installation: Installation, name: str | None = None, progress: Progress | None = None) -> Simulation:
    """What the model of this name (None: the one that cdi.yaml names) would merge, split and leave, with the
    thresholds of cdi.yaml, before it is applied. Nothing is written. Raises ConflictError while records are due."""
    snapshot, outcome = tried(installation, name, progress)
    with installation.database.unit_of_work() as connection:
        ids = snapshot.table.record_ids.tolist()
        homes = profiles.load_memberships(connection, ids)
        parts = _parts_of_profiles(outcome, homes)
        splits = {profile: labels for profile, labels in parts.items() if len(labels) > 1}
        named = [record for labels in splits.values() for label in labels for record in outcome.clusters[label]]
        current = records.load_current(connection, named)
    merges = []
    for members in outcome.clusters.values():
        joined = tuple(sorted({homes[record] for record in members}))
        if len(joined) > 1:
            merges.append(Merge(joined))
    told = tuple(
        Split(
            profile,
            tuple(
                tuple(
                    (current[r].source, current[r].key) for r in sorted(outcome.clusters[label]) if homes[r] == profile
                )
                for label in sorted(labels)
            ),
        )
        for profile, labels in sorted(splits.items())
    )
    moved = {profile for merge in merges for profile in merge.profiles} | set(splits)
    return Simulation(outcome.model.version, tuple(merges), told, len(parts) - len(moved), len(outcome.clusters))


def tried(installation: Installation, name: str | None, progress: Progress | None) -> tuple[Snapshot, Outcome]:
    with installation.database.unit_of_work() as connection:
        waiting, _ = redo.backlog(connection)
        if waiting:
            raise ConflictError(f"{waiting} records wait to be resolved", remedy="Run cdi resolve first")
        model = wanted_model(connection, installation, name)
    snapshot = take_snapshot(installation)
    return snapshot, compute(installation, snapshot, model, progress or (lambda _step, _done, _total: None))


def _parts_of_profiles(outcome: Outcome, homes: Mapping[int, UUID]) -> dict[UUID, set[int]]:
    parts: dict[UUID, set[int]] = {}
    for label, members in outcome.clusters.items():
        for record in members:
            parts.setdefault(homes[record], set()).add(label)
    return parts
