"""Tail: how often a background reaches a score above its threshold, generalised Pareto (no torch)."""

import math

import msgspec

_EXPONENTIAL = 1e-6


class Tail(msgspec.Struct, frozen=True, kw_only=True):
    """Scores above `threshold` come `per_h` times an hour, generalised Pareto with `shape` and `scale`."""

    threshold: float
    per_h: float
    shape: float
    scale: float

    def rate(self, score: float) -> float:
        """How often an hour the background reaches `score` or more; at least `per_h` below the threshold."""
        if score <= self.threshold:
            return self.per_h
        excess = (score - self.threshold) / self.scale
        if abs(self.shape) < _EXPONENTIAL:
            return self.per_h * math.exp(-excess)
        return self.per_h * max(1 + self.shape * excess, 0.0) ** (-1 / self.shape)

    def level(self, per_h: float) -> float:
        """The score that the background reaches `per_h` (> 0) times an hour; never below the threshold."""
        ratio = self.per_h / per_h
        if ratio <= 1:
            return self.threshold
        if abs(self.shape) < _EXPONENTIAL:
            return self.threshold + self.scale * math.log(ratio)
        return self.threshold + self.scale / self.shape * (ratio**self.shape - 1)
