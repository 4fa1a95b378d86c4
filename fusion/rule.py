"""What the plan says of one input of fusion."""

import math

import msgspec

from .errors import FusionError


class InputRule(msgspec.Struct, frozen=True, kw_only=True):
    """An input's modality, its configured weight (0: matched but not fused), and how old it may be in a tick.

    Raises FusionError for a weight or a limit below 0.
    """

    modality: str
    weight: float = 1.0
    limit_ns: int

    def __post_init__(self) -> None:
        if not (math.isfinite(self.weight) and self.weight >= 0 and self.limit_ns >= 0):
            raise FusionError(
                f"an input of {self.modality} has weight {self.weight} and limit {self.limit_ns} ns: "
                "give it a finite weight and a limit, both 0 or more"
            )
