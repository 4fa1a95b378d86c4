"""Batches under any load, on a clock and costs of the test's own: nothing is lost uncounted, nothing
overtakes, no window waits longer than it must, and inputs are served alike."""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sixsense.encoders.batcher import LONGEST_NS, Batcher
from sixsense.encoders.embedding import Missing
from sixsense.encoders.window import Window
from sixsense.sensors.sample import NS, Progress, StreamInfo

WAIT_NS, SHED_NS, MOST = NS // 200, 2 * NS, 8
INFO = StreamInfo(stream="s", modality="vision", encoding="rgb8", rate_hz=1, clock="host")


class Cost(NamedTuple):
    """Of a batch: so much, and so much a window."""

    call: float
    window: float


class Input(NamedTuple):
    modality: str
    hop_ns: int


COST = st.builds(Cost, st.sampled_from([0.0, 0.2, 1.0, 3.0]), st.sampled_from([0.3, 1.0, 10.0]))
COSTS = st.fixed_dictionaries(dict.fromkeys(("vision", "audio", "imu"), COST))
INPUTS = st.lists(
    st.builds(
        Input,
        st.sampled_from(["vision", "audio", "imu"]),
        st.sampled_from([100_000_000, 250_000_000, 500_000_000, NS]),
    ),
    min_size=2,
    max_size=8,
)


MS = NS // 1000
RIDERS = [
    Input("imu", 100 * MS),
    Input("vision", 100 * MS),
    Input("audio", 100 * MS),
    Input("imu", 1000 * MS),
    Input("audio", 1000 * MS),
    Input("audio", 100 * MS),
    Input("imu", 1000 * MS),
    Input("vision", 250 * MS),
]
"""Slow inputs beside fast ones of the same modality, and one modality far dearer than the others."""
RIDES = {"vision": Cost(3, 10), "audio": Cost(0.2, 1), "imu": Cost(0.2, 1)}


def window(name: str, modality: str, index: int, end_ns: int) -> Window:
    return Window(
        input=name,
        modality=modality,
        epoch=1,
        index=index,
        start_ns=0,
        end_ns=end_ns,
        ranges=(),
        encoding="",
        data=np.zeros(1),
        stamps=None,
        info=INFO,
    )


class Run:
    """A minute of windows through a Batcher, at `load` times what one after the other would take."""

    def __init__(self, inputs: list[Input], costs: Mapping[str, Cost], load: float) -> None:
        self.inputs = {f"{modality}{at}": (modality, hop) for at, (modality, hop) in enumerate(inputs)}
        needed = sum((costs[m].call + costs[m].window) * NS / hop for m, hop in inputs)
        self._ns = {
            m: Cost(c.call * load * NS / needed, c.window * load * NS / needed) for m, c in costs.items()
        }
        modalities = {name: modality for name, (modality, _) in self.inputs.items()}
        self.batcher = Batcher(modalities, wait_ns=WAIT_NS, shed_ns=SHED_NS, most=MOST)
        self.offered, self.served, self.shed = Counter[str](), Counter[str](), Counter[str]()
        self.waits_ns: list[int] = []
        self.sizes: list[int] = []
        self._last: dict[str, int] = {}

    def go(self, seconds: int = 60) -> "Run":
        coming = sorted(
            (hop * (i + 1), name, modality, i)
            for name, (modality, hop) in self.inputs.items()
            for i in range(seconds * NS // hop)
        )
        now_ns, at = 0, 0
        while at < len(coming) or not self.batcher.empty:
            while at < len(coming) and coming[at][0] <= now_ns:
                end_ns, name, modality, index = coming[at]
                self.batcher.add(name, window(name, modality, index, end_ns), now_ns)
                self.offered[name] += 1
                at += 1
            for given_up in self.batcher.passing(now_ns):
                self._leaves(given_up)
                self.shed[given_up.input] += 1
            taken_ns = self._compute(now_ns)
            if taken_ns:
                now_ns += taken_ns
                continue
            due_ns = self.batcher.next_ns(now_ns)
            times = [
                *([due_ns] if due_ns is not None else []),
                *([coming[at][0]] if at < len(coming) else []),
            ]
            assert times or self.batcher.empty, "something waits, and nothing will ever be done about it"
            now_ns = max(now_ns + 1, min(times, default=0))
        return self

    def _compute(self, now_ns: int) -> int:
        batch = self.batcher.batch(now_ns)
        if not batch:
            return 0
        (modality,) = {one.modality for one in batch}
        for one in batch:
            self._leaves(one)
            self.served[one.input] += 1
            self.waits_ns.append(now_ns - one.end_ns)
        self.sizes.append(len(batch))
        cost = self._ns[modality]
        took_ns = max(1, round(cost.call + cost.window * len(batch)))
        self.batcher.took(modality, len(batch), took_ns)
        return took_ns

    def _leaves(self, one: Window) -> None:
        assert one.index == self._last.get(one.input, -1) + 1, "windows of an input stay in order"
        self._last[one.input] = one.index


@example(RIDERS, RIDES, 3.0)
@settings(deadline=None, max_examples=25)
@given(INPUTS, COSTS, st.sampled_from([2.0, 3.0]))
def test_at_twice_the_load_inputs_are_served_alike_and_the_rest_is_counted(inputs, costs, load) -> None:
    run = Run(inputs, costs, load).go()
    assert run.offered == run.served + run.shed
    assert max(run.waits_ns) <= SHED_NS
    shares = [run.served[name] / run.offered[name] for name in run.inputs]
    assert max(shares) <= 1.2 * min(shares)


@settings(deadline=None, max_examples=25)
@given(INPUTS, COSTS)
def test_what_can_be_encoded_is(inputs, costs) -> None:
    run = Run(inputs, costs, 0.3).go(20)
    assert run.offered == run.served
    assert max(run.sizes) <= MOST


def cameras(count: int, wait_ns: int = WAIT_NS) -> Batcher:
    return Batcher({f"c{i}": "vision" for i in range(count)}, wait_ns=wait_ns, shed_ns=SHED_NS, most=MOST)


def test_a_window_waits_for_the_others_and_no_longer_than_it_must() -> None:
    batcher = cameras(3)
    batcher.add("c0", window("c0", "vision", 0, NS), NS)
    assert batcher.batch(NS) == []
    assert batcher.next_ns(NS) == NS + WAIT_NS
    batcher.add("c1", window("c1", "vision", 0, NS), NS + 1)
    assert batcher.batch(NS + WAIT_NS - 1) == []
    assert [one.input for one in batcher.batch(NS + WAIT_NS)] == ["c0", "c1"]


def test_nobody_waits_once_all_are_there_or_for_another_modality() -> None:
    batcher = Batcher({"a": "vision", "b": "vision", "m": "audio"}, wait_ns=NS, shed_ns=SHED_NS)
    batcher.add("m", window("m", "audio", 0, NS), NS)
    assert [one.input for one in batcher.batch(NS)] == ["m"]
    for name in ("a", "b"):
        batcher.add(name, window(name, "vision", 0, NS), NS)
    assert batcher.next_ns(NS) == NS
    assert len(batcher.batch(NS)) == 2


def test_what_is_no_window_passes_in_its_turn() -> None:
    batcher, progress = cameras(1), Progress(stream="c0", epoch=1, t_ns=NS)
    gap = Missing(
        input="c0", modality="vision", epoch=1, seq=0, index=1, start_ns=0, end_ns=NS, cause="short"
    )
    batcher.add("c0", window("c0", "vision", 0, NS), NS)
    for item in (gap, progress):
        batcher.add("c0", item, NS)
    assert list(batcher.passing(NS)) == []
    assert batcher.pending("c0") == 2
    batcher.batch(NS)
    assert list(batcher.passing(NS)) == [gap, progress]
    assert batcher.empty


def test_a_batch_is_no_longer_than_others_can_wait() -> None:
    batcher = cameras(1)
    batcher.took("vision", 1, LONGEST_NS // 2)
    for index in range(5):
        batcher.add("c0", window("c0", "vision", index, NS), NS)
    assert len(batcher.batch(NS)) == 2
    batcher.took("vision", 1, 100 * LONGEST_NS)
    assert len(batcher.batch(NS)) == 1
