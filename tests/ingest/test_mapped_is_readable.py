"""Landing asks only the mapping whether a record can be read: what a manifest maps, canonicalising never refuses."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdi.errors import BadRecordError
from cdi.fields import ATTRIBUTES, Shape, Stream
from cdi.ingest.mapping import Compilation, compile_map
from cdi.ingest.transforms import functions
from cdi.normalise.record import Context, canonicalise

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcxyz"), inner, max_size=3),
    max_leaves=8,
)
FIELDS = "abcdefgh"


def _everything() -> dict[str, object]:
    """A mapping of every part of every attribute, each to one of a few fields; `custom` of attributes too."""
    names = iter(FIELDS * 20)
    spec: dict[str, object] = {}
    for name, attribute in ATTRIBUTES.items():
        block = {part: f"={next(names)}" for part in attribute.parts or ("custom",)}
        match attribute.shape:
            case Shape.VALUE:
                spec[name] = f"={next(names)}"
            case Shape.BLOCKS:
                spec[name] = [block, {"each": "h", **block}]
            case _:
                spec[name] = block
    return spec


shared = Compilation(functions({}))
MAP = compile_map(Stream.CUSTOMER, _everything(), shared, ())


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.dictionaries(st.sampled_from(FIELDS), VALUES))
def test_what_a_manifest_maps_is_never_refused_afterwards(native: dict[str, object]) -> None:
    assert not shared.faults
    try:
        mapped = MAP(native)
    except BadRecordError:
        return
    canonicalise(mapped, Context())
