"""Where one can go from every page, by role."""

from dataclasses import dataclass
from typing import Final

from cdi.access import Role
from cdi.web.words import N_


@dataclass(frozen=True, slots=True)
class Place:
    """An entry of the navigation: its path (what lies below it belongs to it), name, icon, and who goes there."""

    path: str
    name: str
    icon: str
    roles: frozenset[Role]

    def holds(self, path: str) -> bool:
        """Whether the page at this path belongs to it."""
        return path == self.path or (self.path != "/" and path.startswith(f"{self.path}/"))


READERS: Final = frozenset({Role.READER, Role.STEWARD, Role.PRIVACY, Role.ADMIN})
ADMINS: Final = frozenset({Role.ADMIN})
OFFICERS: Final = frozenset({Role.PRIVACY, Role.ADMIN})
STEWARDS: Final = frozenset({Role.STEWARD, Role.ADMIN})

PLACES: Final = (
    Place("/", N_("Today"), "today", READERS),
    Place("/reviews", N_("Reviews"), "reviews", STEWARDS),
    Place("/conflicts", N_("Conflicts"), "conflicts", STEWARDS),
    Place("/profiles", N_("Customers"), "customers", READERS),
    Place("/sources", N_("Sources"), "sources", READERS),
    Place("/model", N_("Model"), "model", ADMINS),
    Place("/privacy", N_("Data protection"), "privacy", OFFICERS),
    Place("/access", N_("Access"), "access", ADMINS),
    Place("/audit", N_("Audit log"), "audit", OFFICERS),
)


def places(role: Role | None) -> tuple[Place, ...]:
    """The entries that somebody of this role sees; none before signing in."""
    return tuple(place for place in PLACES if role in place.roles)
