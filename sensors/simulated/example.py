"""A happening as another simulated robot senses it: something to watch for."""

import msgspec
import numpy as np

from ..errors import SourceError
from ..modalities import MODALITIES
from ..sample import NS
from .script import KINDS, MINUTE_NS, Happening, Script
from .senses import INFO, RATES, Senses

_CLIP_NS = 2 * NS
# A jolt is over at once, so it goes in the middle; a sound fills what it can.
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


def render_example(happening: str, modality: str, seed: int) -> Rendering:
    """The first such happening of another robot (`seed`), as one modality senses it.

    Pictures are taken in its middle (an alarm's while its beacon shines); sound and motion are two seconds
    around its beginning. Raises SourceError for a happening there is not, or one this modality cannot sense.
    """
    if happening not in KINDS:
        raise SourceError(f"no happening {happening!r} in the simulated world; it has {', '.join(KINDS)}")
    if modality not in KINDS[happening].modalities:
        senses = ", ".join(KINDS[happening].modalities)
        raise SourceError(f"{happening!r} cannot be sensed by {modality!r}; choose one of: {senses}")
    script = Script(seed)
    shown = script.during(0, MINUTE_NS, happening)[0]
    stream = next(name for name, rate in RATES.items() if rate.modality == modality)
    if MODALITIES[modality].item == "frame":
        return _still(Senses(script), stream, _telling_instant(shown))
    return _clip(Senses(script), stream, shown.start_ns - _LEAD_NS[modality])


def _telling_instant(shown: Happening) -> int:
    """A moment at which a picture tells what happens: 100 ms into a beep, or the middle."""
    return shown.start_ns + NS // 10 if shown.name == "alarm" else (shown.start_ns + shown.end_ns) // 2


def _still(senses: Senses, stream: str, t_ns: int) -> Rendering:
    info = INFO[stream]
    message = RATES[stream].first_from(t_ns)
    data = senses.picture(message) if stream == "camera" else senses.sense(stream, message)[0]
    return Rendering(modality=info.modality, data=data, fx=info.fx, baseline=info.baseline)


def _clip(senses: Senses, stream: str, from_ns: int) -> Rendering:
    info, rate = INFO[stream], RATES[stream]
    first = rate.first_from(max(0, from_ns))
    parts = [senses.sense(stream, message) for message in range(first, first + rate.complete_by(_CLIP_NS))]
    stamps = [stamps for _, stamps in parts if stamps is not None]
    return Rendering(
        modality=info.modality,
        data=np.concatenate([data for data, _ in parts]),
        stamps=np.concatenate(stamps) if stamps else None,
        rate_hz=info.rate_hz,
    )
