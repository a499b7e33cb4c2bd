"""Source systems as their engineer meets them: what is connected (`connected`), what would come of a source
(`preview`), a source wired in (`wiring`, `deployment_file`, `installed`), tested (`trial`), read (`operating`,
`asking`); what could not be taken (`rejected`), and what to do next (`advice`)."""

from cdi.sources.advice import Advice, advise
from cdi.sources.asking import Standing, ask_for_reading, standing
from cdi.sources.connected import deliveries, demand_visible, describe, list_health, list_sources, may_see, record, runs
from cdi.sources.installed import list_connectors
from cdi.sources.operating import Replay, Synced, check, read_source, replay, replay_rejected, sync_sources
from cdi.sources.preview import Preview, preview
from cdi.sources.rejected import count_rejected, list_rejected, may_see_verbatim, rejection_reasons
from cdi.sources.trial import Trial, try_out
from cdi.sources.wiring import Draft, Said, Wired, draft, wire_in
from cdi.sources.written import as_written, has_changed

__all__ = [
    "Advice",
    "Draft",
    "Preview",
    "Replay",
    "Said",
    "Standing",
    "Synced",
    "Trial",
    "Wired",
    "advise",
    "as_written",
    "ask_for_reading",
    "check",
    "count_rejected",
    "deliveries",
    "demand_visible",
    "describe",
    "draft",
    "has_changed",
    "list_connectors",
    "list_health",
    "list_rejected",
    "list_sources",
    "may_see",
    "may_see_verbatim",
    "preview",
    "read_source",
    "record",
    "rejection_reasons",
    "replay",
    "replay_rejected",
    "runs",
    "standing",
    "sync_sources",
    "try_out",
    "wire_in",
]
