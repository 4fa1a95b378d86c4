"""What a running service publishes: its topics, one topic's messages, and their rhythm."""

from collections import deque
from collections.abc import Iterator
from time import monotonic_ns

import msgspec
import numpy as np

from ..nodes.wire.errors import SubscriberTimeoutError
from ..nodes.wire.health import published_ns
from ..nodes.wire.subscriber import Received, Subscriber
from ..sensors.sample import NS
from .following import listen
from .jsonl import json_line

FIRST_S = 5.0
"""How long a service may take to say its first word: it tells its status every second."""
SPAN_NS = 10 * NS


class TopicState(msgspec.Struct, frozen=True, kw_only=True):
    """One topic: messages a second, the age of its newest data (None for what is told once and stays true),
    how many messages were lost on the way."""

    topic: str
    kind: str
    rate_hz: float
    age_ms: float | None
    lost: int


class Rhythm(msgspec.Struct, frozen=True, kw_only=True):
    """How one topic came in the last ten seconds: messages, their rate, the standard deviation and the
    largest of the times between them, and how many were lost since this command began."""

    topic: str
    messages: int
    rate_hz: float
    jitter_ms: float
    longest_ms: float
    lost: int


def list_topics(endpoint: str, *, seconds: float, json: bool) -> Iterator[str]:
    """A line for each topic, after listening for `seconds`. Raises SubscriberTimeoutError where no service
    is."""
    heard: dict[str, list[Received]] = {}
    with Subscriber(endpoint) as subscriber:
        received = subscriber.receive(FIRST_S)
        until_ns = monotonic_ns() + round(seconds * NS)
        while received is not None:
            heard.setdefault(received.topic, []).append(received)
            received = _until(subscriber, until_ns)
        states = [_state(topic, heard[topic], subscriber.lost) for topic in sorted(heard)]
    if json:
        yield from (json_line("topic", state) for state in states)
        return
    width = max(len(state.topic) for state in states)
    for state in states:
        lost = f"  lost {state.lost}" if state.lost else ""
        yield f"{state.topic:<{width}}  {state.rate_hz:7.2f} Hz  {_age(state.age_ms)}{lost}"


def echo(endpoint: str, topic: str, *, json: bool, count: int | None, timeout: float | None) -> Iterator[str]:
    """A line for each message of a topic, or of all topics that `topic` means; ends after `count`.

    Raises WireError for an unknown kind, SubscriberTimeoutError when nothing comes.
    """
    return listen(endpoint, (topic,), json=json, count=count, timeout=timeout)


def hz(endpoint: str, topic: str, *, json: bool, count: int | None, timeout: float | None) -> Iterator[str]:
    """A line a second for each topic that `topic` means; ends after `count` lines.

    Raises WireError for an unknown kind, SubscriberTimeoutError when nothing comes for `timeout` seconds.
    """
    arrivals: dict[str, deque[int]] = {}
    told, heard_ns = 0, monotonic_ns()
    with Subscriber(endpoint, topic) as subscriber:
        while True:
            until_ns = monotonic_ns() + NS
            while received := _until(subscriber, until_ns):
                heard_ns = monotonic_ns()
                arrivals.setdefault(received.topic, deque()).append(received.arrived_ns)
            if timeout is not None and monotonic_ns() - heard_ns > timeout * NS:
                raise SubscriberTimeoutError(
                    f"no {topic} from {endpoint} within {timeout:g} s; `sixsense topic list` has all"
                )
            for name, times in arrivals.items():
                rhythm = rhythm_of(name, times, monotonic_ns(), subscriber.lost.get(name, 0))
                yield json_line("hz", rhythm) if json else rhythm_line(rhythm)
                told += 1
                if told == count:
                    return


def rhythm_of(topic: str, arrivals: deque[int], now_ns: int, lost: int) -> Rhythm:
    """The rhythm of the arrivals (monotonic ns, ascending) of the last ten seconds; older ones are let go."""
    while arrivals and arrivals[0] < now_ns - SPAN_NS:
        arrivals.popleft()
    between = np.diff(np.array(arrivals, np.int64)) / 1e6
    some = len(between) > 0
    return Rhythm(
        topic=topic,
        messages=len(arrivals),
        rate_hz=float(1e3 / max(between.mean(), 1e-6)) if some else 0.0,
        jitter_ms=float(between.std()) if some else 0.0,
        longest_ms=float(between.max()) if some else 0.0,
        lost=lost,
    )


def rhythm_line(rhythm: Rhythm) -> str:
    """A rhythm for a person."""
    return (
        f"{rhythm.topic} {rhythm.rate_hz:.2f} Hz, jitter {rhythm.jitter_ms:.1f} ms, longest "
        f"{rhythm.longest_ms:.0f} ms, {rhythm.messages} messages, lost {rhythm.lost}"
    )


def _state(topic: str, heard: list[Received], lost: dict[str, int]) -> TopicState:
    newest = heard[-1]
    known = published_ns(newest.message) is not None
    span_ns = newest.arrived_ns - heard[0].arrived_ns
    return TopicState(
        topic=topic,
        kind=topic.split("/")[0],
        rate_hz=(len(heard) - 1) * NS / span_ns if span_ns > 0 else 0.0,
        age_ms=(monotonic_ns() - newest.arrived_ns + newest.age_ns) / 1e6 if known else None,
        lost=lost.get(topic, 0),
    )


def _until(subscriber: Subscriber, until_ns: int) -> Received | None:
    """The next message, or None when it is `until_ns`."""
    left_ns = until_ns - monotonic_ns()
    if left_ns <= 0:
        return None
    try:
        return subscriber.receive(left_ns / NS)
    except SubscriberTimeoutError:
        return None


def _age(ms: float | None) -> str:
    if ms is None:
        return "latched"
    return f"{ms:6.0f} ms old" if ms < 10_000 else f"{ms / 1000:6.0f} s old"
