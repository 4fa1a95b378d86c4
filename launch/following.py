"""`listen` and `watch`: what a running service publishes, seen from another process."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice

import msgspec

from ..fusion.fused import Answer, Fused, Labels, Match
from ..fusion.query import Query
from ..nodes.wire.control import ControlClient
from ..nodes.wire.subscriber import Subscriber
from ..nodes.wire.topics import NAME_OF
from .board import clock_text, end_text, score_text
from .jsonl import json_line

EMBED_S = 30.0
"""How long a service may take to give a query its vector: the first one loads a trunk."""


def listen(
    endpoint: str, topics: Sequence[str], *, json: bool, count: int | None, timeout: float | None
) -> Iterator[str]:
    """A line for each message; ends after `count`. Raises WireError for an unknown kind,
    SubscriberTimeoutError when nothing comes."""
    with Subscriber(endpoint, *topics, timeout=timeout) as subscriber:
        for message in islice(subscriber, count):
            yield json_line(NAME_OF[type(message)], message) if json else message_line(message)
        if subscriber.dropped:
            yield from [] if json else [f"lost on the way: {subscriber.lost}"]


def watch(endpoint: str, control: str, query: Query, *, json: bool, timeout: float | None) -> Iterator[str]:
    """Add a standing query to the running service, a line for each of its events; removes it at the end.

    The first line says that it stands. Raises ControlError when the service refuses or does not answer.
    """
    with Subscriber(endpoint, "match", timeout=timeout) as matches, standing(control, query) as note:
        if not json:
            yield f"watching for {query.name}{note}; Ctrl-C ends it"
        for match in matches:
            if match.query == query.name and match.phase != "update":
                yield json_line("match", match) if json else message_line(match)


@contextmanager
def standing(control: str, query: Query) -> Generator[str]:
    """The query stands while the `with` block lasts; gives what the service notes about it."""
    with ControlClient(control) as client:
        client.queries()  # nobody there is found out at once, not after EMBED_S
        with ControlClient(control, timeout=EMBED_S) as patient:
            accepted = patient.watch(query)
        try:
            yield f" ({accepted.note})" if accepted.note else ""
        finally:
            client.unwatch(query.name)


def message_line(message: msgspec.Struct) -> str:
    """One message for a person."""
    match message:
        case Match(phase="end"):
            return f"{clock_text(message.stamp_ns)} {message.query} ended: {end_text(message)}"
        case Match():
            return f"{clock_text(message.stamp_ns)} {message.query} {message.phase}s: {score_text(message)}"
        case Fused():
            shares = "".join(f" {part.input} {100 * part.share:.0f}%" for part in message.parts)
            return f"{clock_text(message.stamp_ns)} fused coverage {message.coverage:.2f}{shares}"
        case Labels():
            answers = "; ".join(map(_answer_text, message.answers))
            return f"{clock_text(message.stamp_ns)} {message.name}: {answers}"
        case _:
            return json_line(NAME_OF[type(message)], message)


def _answer_text(answer: Answer) -> str:
    """`audio a dog 61 %, rain 12 %, none of these 20 %`; a ~ where shares are not calibrated."""
    about = "" if answer.calibrated else "~"
    shares = [(one.label, one.share) for one in answer.best] + [("none of these", answer.none)]
    return f"{answer.target} " + ", ".join(f"{label} {about}{100 * share:.0f} %" for label, share in shares)
