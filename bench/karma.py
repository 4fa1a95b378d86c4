"""The top three of twenty labels a modality in each second of a drone's flight, and how many are right.

`python bench/karma.py SHARED [--model mini]`. Labels, and which are right in which second, are `karma.toml`,
written before any score was looked at. The recording is replayed through the service, as anybody would.
"""

import argparse
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from sixsense.fusion.fused import Labels
from sixsense.launch.plan import plan_replay
from sixsense.launch.schema import Config, Endpoints, LabelsConfig
from sixsense.launch.service import Service
from sixsense.sensors.sample import NS

TOP = 3
LABELS = Path(__file__).with_name("karma.toml")
Truths = Mapping[str, Mapping[str, frozenset[int]]]


class Told(NamedTuple):
    """The best labels of a modality, best first, in the second that ends at a tick."""

    modality: str
    second: int
    best: tuple[str, ...]


def read_truths(path: Path = LABELS) -> dict[str, dict[str, frozenset[int]]]:
    """Modality to label to the seconds in which it is right: `"1-4"` is 1 to 4, `""` never."""
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    return {
        modality: {label: _seconds(said) for label, said in labels.items()}
        for modality, labels in tables.items()
    }


def _seconds(said: str) -> frozenset[int]:
    first, _, last = said.partition("-")
    return frozenset(range(int(first), int(last or first) + 1)) if first else frozenset()


def listen(recording: Path, truths: Truths, model: str) -> list[Told]:
    """Replay it with a label set a modality. Raises SixsenseError."""
    with tempfile.TemporaryDirectory() as folder:
        sets = tuple(_label_set(Path(folder), modality, list(truths[modality])) for modality in truths)
        config = Config(model=model, endpoints=Endpoints(results="", control=""), labels=sets)
        plan = plan_replay(config, str(recording), rate=None)
    with Service(plan, local=True) as service:
        outputs = [one for one in service.outputs(timeout_s=600) if isinstance(one, Labels)]
    return [
        Told(answer.target, round(one.stamp_ns / NS) - 1, tuple(best.label for best in answer.best))
        for one in outputs
        for answer in one.answers
    ]


def _label_set(folder: Path, modality: str, labels: Sequence[str]) -> LabelsConfig:
    file = folder / f"{modality}.txt"
    file.write_text("\n".join(labels), encoding="utf-8")
    return LabelsConfig(name=modality, file=str(file), modalities=(modality,), top=TOP)


def rights(told: Sequence[Told], truths: Truths) -> tuple[int, int, float]:
    """How many of the labels that were told are right, of how many, and the share that chance would give."""
    right = sum(one.second in truths[one.modality][label] for one in told for label in one.best)
    expected = [
        sum(one.second in seconds for seconds in truths[one.modality].values()) / len(truths[one.modality])
        for one in told
    ]
    return right, sum(len(one.best) for one in told), sum(expected) / max(len(told), 1)


def report(told: Sequence[Told], truths: Truths) -> list[str]:
    """Lines of Markdown: what is right in bold."""
    lines: list[str] = []
    for modality in truths:
        ours = sorted((one for one in told if one.modality == modality), key=lambda one: one.second)
        right, count, by_chance = rights(ours, truths)
        firsts, _, _ = rights([one._replace(best=one.best[:1]) for one in ours], truths)
        lines += [
            "",
            f"{modality}: {right} of {count} right, {firsts} of {len(ours)} firsts, chance {by_chance:.2f}",
            "",
            "| second | best | second best | third |",
            "|---|---|---|---|",
        ]
        for second, best in ((one.second, one.best) for one in ours):
            cells = [f"**{label}**" if second in truths[modality][label] else label for label in best]
            lines.append(f"| {second} | {' | '.join(cells)} |")
    return lines


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python bench/karma.py", description=__doc__)
    parser.add_argument("shared", type=Path, help="the folder with data/gopro/karma.mp4")
    parser.add_argument("--model", default="mini")
    given = parser.parse_args(arguments)
    truths = read_truths()
    told = listen(given.shared / "data" / "gopro" / "karma.mp4", truths, given.model)
    print("\n".join(report(told, truths)))


if __name__ == "__main__":
    main(sys.argv[1:])
