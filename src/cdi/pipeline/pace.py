"""How much is done in one commit while others wait for the resolver's lock, and for how long it is their turn then."""

from dataclasses import dataclass


@dataclass(slots=True)
class Pace:
    """`size` of the next commit, chosen after the last one so that it takes about `seconds`."""

    seconds: float
    least: int
    most: int
    size: int = 0

    def __post_init__(self) -> None:
        self.size = self.least

    def took(self, seconds: float) -> None:
        """The last commit of `size` took so long."""
        fitting = int(self.size * self.seconds / max(seconds, 1e-3))
        self.size = min(max(fitting, self.least), self.most, 2 * self.size)


def rest_after(seconds: float, done: int, enough: float) -> float:
    """Seconds to rest after a commit of `done` that took so many: as many, and on a machine that is fast up to twice as
    many, as long as `enough` are done in a second nevertheless."""
    return min(max(done / enough - seconds, seconds), 2 * seconds)
