"""JSON values that stand at the edge of what a field may be, and any others.

No number is a float without a fraction: 1.0 is an integer to JSON Schema, and none to the models.
"""

from typing import Any

from hypothesis import strategies as st

from tests.unit.contracts import samples
from toolwire.contracts.jobs import EventName, Status

ODD_VALUES: list[Any] = [
    *(None, True, False, 0, 1, -1, 0.5, 1.5, -0.5, 2**53 - 1, 2**53, 10**30),
    *("", "a", "a" * 64, "a" * 65, "a\n", "-a", "é", "a.b", "a" * 129, "x" * 501, "x" * 2001),
    *(samples.DIGEST, samples.NONCE, samples.NONCE + "\n", "toolwire/1", "toolwire/2"),
    *("ok", "request", "internal", "start", *Status, *EventName),
    *([], {}, [{}], ["a"], {"a": 1}),
    {"fraction": 1},
    {"fraction": 0.25, "message": "x"},
    {"path": "/a", "type": "missing", "message": "x"},
    samples.WIRE_ERROR.model_dump(mode="json"),
    *(each.model_dump(mode="json") for each in (samples.snapshot(), samples.DONE, samples.FAILED)),
]
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
VALUES = st.sampled_from(ODD_VALUES) | st.recursive(
    SCALARS.filter(lambda value: not isinstance(value, float) or not value.is_integer()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
