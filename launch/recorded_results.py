"""What a log has of a run's results, read again as the messages that they were."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from ..nodes.record import RESULTS
from ..sensors.mcap.cdr import decode
from ..sensors.mcap.head import OWN
from ..sensors.mcap.log import Log

_TYPES = {f"{OWN}{kind}": type_ for type_, (kind, _, _) in RESULTS.items()}


def read_results(log: Log, prefixes: tuple[str, ...]) -> Iterator[msgspec.Struct]:
    """The recorded results whose topics begin so, in the order they were told in. Raises SourceError."""
    for raw in log.messages(OWN):
        if raw.topic.startswith(prefixes):
            kind = "/".join(raw.topic.split("/")[:3])
            yield decode(_TYPES[kind], raw.data)


def only(messages: Iterable[Any], types: tuple[type, ...]) -> Iterator[Any]:
    """Those of some types."""
    return (message for message in messages if isinstance(message, types))
