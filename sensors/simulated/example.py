"""A happening as another simulated robot senses it: something to watch for."""

import msgspec
import numpy as np

from ..errors import SourceError
from ..modalities import MODALITIES
from ..sample import NS
from .alarm import beep_ns
from .kinds import KINDS
from .script import Happening, Script
from .senses import INFO, RATES, Senses
from .split import Split

_CLIP_NS = 2 * NS
# What is over at once: a jolt goes in the middle, a sound fills what it can.
_LEAD_NS = {"audio": NS // 10, "imu": 9 * NS // 10}


class Rendering(msgspec.Struct, frozen=True, kw_only=True):
    """A happening as arrays, to be watched for; `data` by modality as a query's example has it.

    vision uint8 (240, 320, 3) RGB; depth float32 (120, 160) metres; thermal float32 (120, 160) kelvin;
    audio int16 (32000, 1) at `rate_hz`; imu float32 (400, 6) with int64 `stamps` (400,).
    """

    modality: str
    data: np.ndarray
    stamps: np.ndarray | None = None
    rate_hz: float = 0.0
    fx: float = 0.0
    baseline: float = 0.0


def render_example(happening: str, modality: str, seed: int, split: Split = "test") -> Rendering:
    """The first such happening of another robot (`seed`), as one modality senses it.

    Pictures are taken in its middle (an alarm's while its beacon shines); sound and motion are two seconds
    of its middle, or around its beginning where it is shorter. Raises SourceError for a happening there is
    not, or one this modality cannot sense.
    """
    if happening not in KINDS:
        raise SourceError(f"no happening {happening!r} in the simulated world; it has {', '.join(KINDS)}")
    if modality not in KINDS[happening].modalities:
        senses = ", ".join(KINDS[happening].modalities)
        raise SourceError(f"{happening!r} cannot be sensed by {modality!r}; choose one of: {senses}")
    script = Script(seed, split)
    shown = script.first(happening)
    stream = next(name for name, rate in RATES.items() if rate.modality == modality)
    if MODALITIES[modality].item == "frame":
        return _still(Senses(script), stream, _telling_instant(shown))
    spare_ns = shown.end_ns - shown.start_ns - _CLIP_NS
    lead_ns = _LEAD_NS[modality] if spare_ns < 0 else -spare_ns // 2
    return _clip(Senses(script), stream, shown.start_ns - lead_ns)


def _telling_instant(shown: Happening) -> int:
    """A moment at which a picture tells what happens: the middle of its first beep, or its own."""
    length = beep_ns(shown) // 2 if shown.name == "alarm" else shown.end_ns - shown.start_ns
    return shown.start_ns + length // 2


def _still(senses: Senses, stream: str, t_ns: int) -> Rendering:
    info = INFO[stream]
    message = RATES[stream].first_from(t_ns)
    data = senses.picture(message) if stream == "camera" else senses.sense(stream, message)[0]
    return Rendering(modality=info.modality, data=data, fx=info.fx, baseline=info.baseline)


def _clip(senses: Senses, stream: str, from_ns: int) -> Rendering:
    info, rate = INFO[stream], RATES[stream]
    first = rate.first_from(max(0, from_ns))
    data, stamps = senses.several(stream, first, rate.complete_by(_CLIP_NS))
    return Rendering(modality=info.modality, data=data, stamps=stamps, rate_hz=info.rate_hz)
