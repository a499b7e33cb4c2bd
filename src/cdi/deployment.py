"""A deployment folder: made new, checked as a whole, kept and moved. `cdi.yaml` is checked here against what it
names: connectors, their settings, the model."""

import shutil
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cdi.clock import utc_now
from cdi.errors import CdiError, ConfigurationError
from cdi.ingest import schema
from cdi.ingest.contract import CheckResult
from cdi.ingest.registry import Registry, find_connectors
from cdi.ingest.schema import SCHEMAS
from cdi.ingest.skeleton import HINT
from cdi.pipeline.installation import Installation, connector_of
from cdi.pipeline.timing import source_standing
from cdi.settings import PUSH, Settings, SourceSystem, bundled, literal_secrets
from cdi.store import changes, jobs, models, profiles, redo, reruns, reviews
from cdi.store.diagnosis import diagnose
from cdi.store.standing import deliveries

EMPTY = """\
# A deployment of cdi. `cdi init DIR` without --empty makes one that is filled in and documented.
company: {name: My company, country: DE, language: de}
owners:
  - {id: customer_data, department: Customer data, role: Head of customer data, contact: customer-data@example.org}
customer_owner: customer_data
sources: {}
"""

DEPLOYMENT_HINT = f"{SCHEMAS}/{schema.DEPLOYMENT_SCHEMA}"
ENVIRONMENT = """\
# What the environment decides. Copy to .env or set it where cdi runs; a variable that is set wins.
# CDI_DATABASE_URL=postgresql://cdi:password@db.internal/cdi   # without it: a private PostgreSQL in var/
# CDI_HOST=127.0.0.1
# CDI_PORT=8000
# CDI_PUBLIC_URL=https://cdi.example.org   # behind a proxy: where source systems reach our webhooks
# CDI_LOG_LEVEL=INFO
# CDI_LOG_FORMAT=json   # or text
# CDI_OTLP_ENDPOINT=http://collector.internal:4318   # spans to OpenTelemetry; needs the extra otel
"""


def create_folder(folder: Path, *, empty: bool = False) -> None:
    """A new deployment in `folder`: the sample company, or an empty one. Raises ConfigurationError if there is one."""
    if (folder / "cdi.yaml").exists():
        raise ConfigurationError(f"{folder} is a deployment already", remedy="Choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "connectors").mkdir(exist_ok=True)
    if empty:
        (folder / "cdi.yaml").write_text(HINT.format(schema=DEPLOYMENT_HINT) + EMPTY, encoding="utf-8")
    else:
        sample = bundled("sample_data")
        shutil.copytree(sample / "data", folder / "data", dirs_exist_ok=True)
        for truth in sample.glob("truth*.csv"):
            shutil.copy2(truth, folder / truth.name)
        documented = (sample / "cdi.yaml").read_text(encoding="utf-8")
        whole = HINT.format(schema=DEPLOYMENT_HINT) + documented
        (folder / "cdi.yaml").write_text(whole, encoding="utf-8")  # last: until it is there, there is no deployment
    (folder / ".env.example").write_text(ENVIRONMENT, encoding="utf-8")
    write_schemas(folder)


def write_schemas(folder: Path) -> list[Path]:
    """The JSON Schemas of this deployment's files, which know its own connectors; those files that were written."""
    connectors = find_connectors([bundled("connectors"), folder / "connectors"])
    return schema.write_schemas(folder / SCHEMAS, connectors)


def faults_of(settings: Settings, connectors: Registry) -> Iterator[str]:
    """What `cdi.yaml` names and is not there or not right, one sentence each."""
    for name, system in settings.deployment.sources.items():
        if system.connector == PUSH:
            continue
        yield from _source_faults(name, system, connectors, settings)
    for name, reason in connectors.broken.items():
        yield f"connector {name} is broken and was skipped: {reason}"


def _source_faults(name: str, system: SourceSystem, connectors: Registry, settings: Settings) -> Iterator[str]:
    for path in system.unsaid():
        yield f"{settings.place('sources', name, *path.split('.'))}: still TODO, so the source is not read"
    try:
        connector = connector_of(settings, connectors, name, system)
        secret: frozenset[str] = getattr(connector, "secret_settings", frozenset())
        for setting in literal_secrets(system.config, secret):
            place = settings.place("sources", name, "config", setting)
            yield f"{place}: a secret must not stand in cdi.yaml; write ${{env:NAME}}"
        connector.validate_config(settings.resolve(system.config))
    except CdiError as error:
        yield f"{settings.place('sources', name, 'config')}: {error}"


def doctor(installation: Installation) -> list[CheckResult]:
    """What is wrong with this installation, question by question."""
    faults = list(faults_of(installation.settings, installation.connectors))
    results = [CheckResult("cdi.yaml and what it names", not faults, "; ".join(faults))]
    results += diagnose(installation.database)
    with installation.database.unit_of_work() as connection:
        waiting, oldest = redo.backlog(connection)
    minutes = (utc_now() - oldest).total_seconds() / 60 if oldest else 0.0
    detail = f"{waiting} records, the oldest for {minutes:.0f} minutes; cdi resolve works them off" if waiting else ""
    results.append(CheckResult("nothing waits to be resolved for long", minutes < 60, detail))
    return results


def status(installation: Installation) -> dict[str, Any]:
    """Sources with their figures, profiles and their owners, open questions, what waits and since when."""
    with installation.database.unit_of_work() as connection:
        standing = source_standing(connection, installation)
        waiting, oldest = redo.backlog(connection)
        return {
            "company": installation.deployment.company.name,
            "sources": [
                {
                    "name": name,
                    "data_owner": system.data_owner,
                    "records": 0,
                    "rejected": 0,
                    "last_run": None,
                    **standing[name],
                }
                for name, system in installation.deployment.sources.items()
            ],
            **profiles.profile_figures(connection),
            **reviews.question_figures(connection),
            "workers": jobs.workers(connection),
            "webhooks": asdict(deliveries(connection)),
            "waiting": waiting,
            "oldest_waiting": oldest,
            "cursor": changes.last_cursor(connection),
            "model": models.active_version(connection),
            "rerun": reruns.status(connection),
        }
