"""What every step works on: the settings, the database, the connectors, and the values made from them once."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson

from cdi.auth import Gates
from cdi.errors import ConfigurationError, NotFoundError
from cdi.ingest.contract import Connector
from cdi.ingest.manifest import FaultyStreamsError
from cdi.ingest.registry import Registry, find_connectors
from cdi.normalise.record import Context
from cdi.resolution.document import ProfileRules
from cdi.resolution.ownership import OwnershipRule
from cdi.resolution.survivorship import SurvivorshipRules
from cdi.settings import Deployment, Settings, SourceSystem, bundled, describe_faults, load_yaml
from cdi.store.db import Database, open_database, upgrade
from cdi.store.models import ModelShelf


@dataclass(frozen=True, slots=True)
class Accountable:
    """How much each source counts and who answers for it; picklable, for processes that work for this one."""

    trust: Mapping[str, float]
    owners: Mapping[str, str]
    customer_owner: str

    def trust_of(self, source: str) -> float:
        """See `Installation.trust_of`."""
        return self.trust.get(source, 0.0)

    def owner_of(self, source: str) -> str:
        """See `Installation.owner_of`."""
        return self.owners.get(source, self.customer_owner)


@dataclass(frozen=True)
class Installation:
    """A deployment with its database open."""

    settings: Settings
    database: Database
    connectors: Registry
    models: ModelShelf = field(default_factory=ModelShelf)

    @property
    def deployment(self) -> Deployment:
        return self.settings.deployment

    @property
    def folder(self) -> Path:
        return self.settings.folder

    @property
    def has_own_server(self) -> bool:
        """The database is the private server of this deployment, not one that the operator runs."""
        return not self.settings.environment.database_url

    def source(self, name: str) -> SourceSystem:
        """The source system of this name; ConfigurationError names those that exist."""
        found = self.deployment.sources.get(name)
        if found is None:
            raise ConfigurationError(
                f"there is no source {name}", remedy=f"cdi.yaml has {', '.join(self.deployment.sources)}"
            )
        return found

    def connector(self, name: str) -> Connector:
        """The connector that reads the source of this name."""
        return connector_of(self.settings, self.connectors, name, self.source(name))

    def config(self, name: str) -> dict[str, Any]:
        """The settings of a source for its connector, secrets resolved and validated; ConfigurationError names the line
        in cdi.yaml at which they stand."""
        system, connector = self.source(name), self.connector(name)
        try:
            config = self.settings.resolve(system.config)
            connector.validate_config(config)
        except ConfigurationError as error:
            place = self.settings.place("sources", name, "config")
            raise ConfigurationError(f"{place}: {error.message}", remedy=error.remedy) from None
        return config

    def context(self, source: str) -> Context:
        """What decides where a value of this source does not say its country or language itself."""
        system, company = self.source(source), self.deployment.company
        return Context(country=system.country or company.country, language=system.language or company.language)

    @cached_property
    def accountable(self) -> "Accountable":
        """How much each source counts and who answers for it."""
        sources = self.deployment.sources
        return Accountable(
            {name: system.trust for name, system in sources.items()},
            {name: system.data_owner for name, system in sources.items()},
            self.deployment.customer_owner,
        )

    def owner_of(self, source: str) -> str:
        """The data owner of a source; of one that left cdi.yaml, the company's customer owner."""
        return self.accountable.owner_of(source)

    def demand_owners(self, names: Iterable[str]) -> None:
        """Raises NotFoundError for a data owner that cdi.yaml does not have."""
        if not {owner.id for owner in self.deployment.owners}.issuperset(names):
            raise NotFoundError("there is no such data owner", remedy="cdi.yaml lists them under owners")

    def trust_of(self, source: str) -> float:
        """How much a source's values count; nothing for one that left cdi.yaml."""
        return self.accountable.trust_of(source)

    @cached_property
    def rules(self) -> ProfileRules:
        """Survivorship and ownership as cdi.yaml states them."""
        survivorship = self.deployment.survivorship
        return ProfileRules(
            SurvivorshipRules(survivorship.default, survivorship.attributes),
            [OwnershipRule(**rule.model_dump()) for rule in self.deployment.ownership],
            self.deployment.customer_owner,
        )

    @cached_property
    def rules_fingerprint(self) -> str:
        """Moves when the rules do by which golden records and owners are derived."""
        deployment = self.deployment
        decisive = {
            "survivorship": deployment.survivorship.model_dump(mode="json"),
            "ownership": [rule.model_dump(mode="json") for rule in deployment.ownership],
            "customer_owner": deployment.customer_owner,
            "sources": {name: (system.trust, system.data_owner) for name, system in deployment.sources.items()},
        }
        return hashlib.blake2b(orjson.dumps(decisive, option=orjson.OPT_SORT_KEYS), digest_size=8).hexdigest()

    @cached_property
    def gates(self) -> Gates:
        """What the sources say of who may see them."""
        sources = self.deployment.sources
        sensitive = frozenset(name for name, source in sources.items() if source.sensitivity == "sensitive")
        return Gates(sensitive, {name: source.purposes for name, source in sources.items() if source.purposes})

    @cached_property
    def unique_sources(self) -> frozenset[str]:
        """Sources that guarantee one record per customer."""
        return frozenset(n for n, s in self.deployment.sources.items() if s.one_record_per_customer)


def connector_of(settings: Settings, connectors: Registry, name: str, system: SourceSystem) -> Connector:
    """The connector that reads a source. Raises ConfigurationError; the faults of streams that the source declares
    itself are told with their lines in cdi.yaml."""
    try:
        return connectors.get(system.connector, system.config)
    except FaultyStreamsError as error:
        path = settings.folder / "cdi.yaml"
        told = describe_faults(path, error.faults, load_yaml(path)[1], ("sources", name, "config"))
        raise ConfigurationError(told) from None


def connector_folders(settings: Settings) -> list[Path]:
    """Where connectors are looked for: the deployment's own outrank the shipped ones."""
    return [bundled("connectors"), settings.folder / "connectors"]


@contextmanager
def open_installation(settings: Settings) -> Iterator[Installation]:
    """Start or reach the database, bring its schema to this version, find the connectors."""
    connectors = find_connectors(connector_folders(settings))
    with open_database(settings) as database:
        upgrade(database)
        yield Installation(settings, database, connectors)
