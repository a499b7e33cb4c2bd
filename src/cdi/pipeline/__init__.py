"""sync → normalise → match → cluster → build golden: reading this room is reading the product.

Facts land first (`syncing` reads, `landing` keeps): what sources said, verbatim and versioned, with a row for all
that is due. Then due records are resolved (`resolving`): normalised, compared, clustered. Then what became different
is published (`publishing`): ids are carried over, golden records built, reviews and conflicts opened, the feed written.

Every step is the same sandwich: load from the store, ask a pure room, save to the store. A batch and a run over
everything (`rerun`) are one path: the same functions over the neighbourhood of what changed, or over all there is.
"""

from cdi.pipeline.installation import Installation, open_installation
from cdi.pipeline.landing import Arriving, land
from cdi.pipeline.rerun import resolve
from cdi.pipeline.resolving import Resolved
from cdi.pipeline.syncing import sync

__all__ = ["Arriving", "Installation", "Resolved", "land", "open_installation", "resolve", "sync"]
