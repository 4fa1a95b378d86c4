"""The names of what the teachers know: what the space is centred on and the text tower reads."""

from pathlib import Path


def picture_labels(shared: Path) -> list[str]:
    """ImageNet's 1000 names in MobileNetV2's order, without its background class 0."""
    return _lines(shared / "teachers" / "imagenet_labels.txt")[1:]


def sound_labels(shared: Path) -> list[str]:
    """AudioSet's 521 names in YAMNet's order."""
    return _lines(shared / "teachers" / "yamnet_labels.txt")


def concepts(shared: Path) -> list[str]:
    """Both lists in lower case, each name once."""
    return list(dict.fromkeys(name.lower() for name in picture_labels(shared) + sound_labels(shared)))


def _lines(path: Path) -> list[str]:
    return [line.strip() for line in path.read_text().splitlines() if line.strip()]
