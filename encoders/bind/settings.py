"""Settings of a binding: which modality is bound to which, on what data, and how (configs/bind.toml)."""

from typing import Annotated, Literal

import msgspec

Modality = Literal["vision", "text", "audio", "depth", "thermal", "imu"]
Share = Annotated[float, msgspec.Meta(gt=0, lt=1)]
Positive = Annotated[float, msgspec.Meta(gt=0, le=1e6)]
NotNegative = Annotated[float, msgspec.Meta(ge=0, le=1e6)]
Count = Annotated[int, msgspec.Meta(ge=1, le=10_000_000)]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that a result depends on besides the data's content. Each key is an option of `bind` too.

    `train`: the modality's head, or all of it. `train_anchor` trains the anchor's modality alike, else it
    stays as it is. `held_out` is the share of every log, class or folder that is measured on and not
    trained on; `guard_s` what is left out of a log on both sides of the split, and how near in time two
    windows are no negatives of each other. `temperature` None is ImageBind's for the modality. `teacher` is
    a model or a `.npz` of `sixsense embed`; its loss counts `teacher_weight`.
    """

    model: str = "mini"
    modality: Modality = "thermal"
    anchor: Modality = "vision"
    data: tuple[str, ...] = ()
    streams: tuple[str, ...] = ()
    train: Literal["head", "all"] = "head"
    train_anchor: bool = False
    augment: bool = True
    teacher: str = ""
    teacher_weight: NotNegative = 1.0
    held_out: Share = 0.2
    guard_s: NotNegative = 5.0
    every_s: Positive = 0.5
    batch: Annotated[int, msgspec.Meta(ge=2, le=100_000)] = 64
    temperature: Positive | None = None
    steps: Count = 300
    rate: Positive = 1e-3
    weight_decay: NotNegative = 0.01
    average: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.99
    bf16: bool = False
    seed: Annotated[int, msgspec.Meta(ge=0, lt=2**31)] = 0
    evaluate_every: Count = 100
    save_every_s: NotNegative = 10.0
