"""Source systems as their engineer meets them: what is connected (`connected`), what would come of a source
(`preview`), a source wired in (`wiring`, `deployment_file`), tested (`trial`) and read (`operating`)."""

from cdi.sources.connected import deliveries, describe, list_sources, record, runs
from cdi.sources.operating import Replay, Synced, check, replay, sync_sources
from cdi.sources.preview import Preview, preview

__all__ = [
    "Preview",
    "Replay",
    "Synced",
    "check",
    "deliveries",
    "describe",
    "list_sources",
    "preview",
    "record",
    "replay",
    "runs",
    "sync_sources",
]
