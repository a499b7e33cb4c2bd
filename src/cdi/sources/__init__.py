"""Source systems as their engineer meets them: what is connected (`connected`), what would come of a source
(`preview`), a source wired in (`wiring`, `deployment_file`), tested (`trial`) and read (`operating`)."""

from cdi.sources.connected import deliveries, describe, list_health, list_sources, record, runs
from cdi.sources.operating import Replay, Synced, check, read_source, replay, sync_sources
from cdi.sources.preview import Preview, preview
from cdi.sources.trial import Trial, try_out
from cdi.sources.wiring import Said, Wired, wire_in

__all__ = [
    "Preview",
    "Replay",
    "Said",
    "Synced",
    "Trial",
    "Wired",
    "check",
    "deliveries",
    "describe",
    "list_health",
    "list_sources",
    "preview",
    "read_source",
    "record",
    "replay",
    "runs",
    "sync_sources",
    "try_out",
    "wire_in",
]
