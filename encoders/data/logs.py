"""Logs as items: the windows of two streams that were sensed together, paired by time."""

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence

from torch import Tensor

from ...sensors.modalities import GROUPS
from ...sensors.sample import Source, StreamInfo
from ..card import DEFAULT_IMU, ImuInput, WindowSpec
from ..encode import prepare
from ..errors import InputError
from ..window import Window
from ..windower import InputSpec, Windower
from .item import Item


def log_items(
    name: str,
    source: Source,
    inputs: Sequence[InputSpec],
    windows: Mapping[str, WindowSpec],
    every_ns: int,
    left_out: Counter[str],
    imu: ImuInput = DEFAULT_IMU,
) -> Iterator[Item]:
    """Two items for every window of the first of two inputs that the other sensed too, or one a window.

    They are at least `every_ns` apart. The other's is the window whose middle is nearest, at most one of its
    hops and half a length away. Windows without one, or that cannot be embedded, are counted by cause.
    """
    pairs = _paired(source, inputs, windows, every_ns, left_out)
    for number, windows_together in enumerate(pairs):
        tensors: list[Tensor] = []
        for window in windows_together:
            try:
                tensors.append(prepare(window, imu)[0])
            except InputError as error:
                left_out[f"windows that cannot be embedded: {error}"] += 1
                break
        else:
            key, middle = f"{name}@{number}", _middle(windows_together[0])
            for window, tensor in zip(windows_together, tensors, strict=True):
                yield Item(window.modality, tensor, key, name, middle)


def choose_inputs(
    name: str, infos: Sequence[StreamInfo], modalities: Sequence[str], streams: Sequence[str]
) -> list[InputSpec]:
    """The input of each modality; `streams` says which where there are several. Raises InputError."""
    return [_input(name, infos, modality, streams) for modality in modalities]


def _input(name: str, infos: Sequence[StreamInfo], modality: str, streams: Sequence[str]) -> InputSpec:
    found = [info for info in infos if info.modality == modality]
    named = [info for info in found if info.stream in streams]
    members = tuple(info for part in GROUPS.get(modality, ()) for info in infos if info.modality == part)
    if len(named) == 1 or len(found) == 1:
        info = (named or found)[0]
        return InputSpec(name=info.stream, modality=modality, members=(info,))
    if not found and len(members) == len(GROUPS.get(modality, ())) > 0:
        return InputSpec(name=modality, modality=modality, members=members)
    if found:
        listed = ", ".join(info.stream for info in found)
        raise InputError(f"{name}: {len(found)} streams of {modality} ({listed}); say which with --streams")
    there = ", ".join(f"{info.stream} ({info.modality})" for info in infos)
    raise InputError(f"{name}: no stream of {modality}; it has {there}")


def _paired(
    source: Source,
    inputs: Sequence[InputSpec],
    windows: Mapping[str, WindowSpec],
    every_ns: int,
    left_out: Counter[str],
) -> Iterator[tuple[Window, ...]]:
    first, *others = inputs
    waiting, beside = deque[Window](), deque[Window]()
    reach = sum(windows[spec.modality].hop_ns + windows[spec.modality].length_ns // 2 for spec in others)
    last_ns: int | None = None
    for window in _cut(source, inputs, windows):
        if window.input != first.name:
            beside.append(window)
        elif last_ns is None or _middle(window) - last_ns >= every_ns:
            last_ns = _middle(window)
            if not others:
                yield (window,)
                continue
            waiting.append(window)
        while waiting and beside and _middle(beside[-1]) >= _middle(waiting[0]) + reach:
            yield from _resolved(waiting.popleft(), beside, reach, left_out)
    while waiting:
        yield from _resolved(waiting.popleft(), beside, reach, left_out)


def _resolved(
    window: Window, beside: deque[Window], reach: int, left_out: Counter[str]
) -> Iterator[tuple[Window, Window]]:
    middle = _middle(window)
    while beside and _middle(beside[0]) < middle - reach:
        beside.popleft()
    nearest = min(beside, key=lambda other: abs(_middle(other) - middle), default=None)
    if nearest is None or abs(_middle(nearest) - middle) > reach:
        left_out[f"windows of {window.input} that nothing else sensed"] += 1
    else:
        yield window, nearest


def _cut(source: Source, inputs: Sequence[InputSpec], windows: Mapping[str, WindowSpec]) -> Iterator[Window]:
    """The windows of the inputs that can be encoded, in the order in which they close."""
    cutters = [(spec, Windower(spec, windows[spec.modality])) for spec in inputs]
    readers: dict[str, list[Windower]] = {}
    for spec, cutter in cutters:
        for member in spec.members:
            readers.setdefault(member.stream, []).append(cutter)
    for event in source.events(1):
        for cutter in readers.get(event.stream, ()):
            yield from (window for window in cutter.feed(event) if isinstance(window, Window))


def _middle(window: Window) -> int:
    return (window.start_ns + window.end_ns) // 2
