"""Messages as one JSON object a line, for other programs."""

import msgspec
import numpy as np


def json_line(kind: str, message: msgspec.Struct) -> str:
    """`{"kind": "match", ...}` with the message's own fields; arrays are left out, NaN becomes null."""
    fields = {name: getattr(message, name) for name in message.__struct_fields__}
    plain = {name: value for name, value in fields.items() if not isinstance(value, np.ndarray)}
    if "vector" in fields:
        plain.pop("vector", None)
    return msgspec.json.encode({"kind": kind, **plain}).decode()
