"""Small bars for a terminal, readable without colours: thick where filled, thin where empty."""

from collections.abc import Iterable

from rich.text import Text

COLOURS = {
    "vision": "deep_sky_blue1",
    "depth": "medium_purple1",
    "thermal": "orange1",
    "audio": "spring_green2",
    "imu": "gold1",
    "accelerometer": "gold1",
    "gyroscope": "gold3",
}
EMPTY = "grey23"


def colour_of(modality: str) -> str:
    """A modality has one colour everywhere."""
    return COLOURS.get(modality, "white")


def bar(fraction: float, width: int, style: str) -> Text:
    """`fraction` of `width` cells, to half a cell; out of range is cut, NaN is empty."""
    halves = round(2 * width * min(max(fraction, 0.0), 1.0)) if fraction == fraction else 0
    full, half = divmod(halves, 2)
    filled = "━" * full + "╸" * half
    return Text.assemble((filled, style), ("─" * (width - len(filled)), EMPTY))


def stacked(parts: Iterable[tuple[float, str]], width: int) -> Text:
    """Fractions side by side, each in its style; what they leave of `width` is empty."""
    text, used, total = Text(), 0, 0.0
    for fraction, style in parts:
        total += fraction
        cells = min(round(total * width), width) - used
        text.append("━" * cells, style)
        used += cells
    return text.append("─" * (width - used), EMPTY)
