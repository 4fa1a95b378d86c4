"""The sound tower's recipe: recorded, synthesised and simulated sounds beside the texts that name them."""

import math
import tomllib
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ....sensors.media import load_sound
from ....sensors.sample import NS
from ....sensors.simulated.excerpt import excerpts
from ....sensors.simulated.kinds import KINDS
from ....sensors.simulated.split import Split
from ...digest import compute_sha256
from ...preprocess.audio import STD, audio
from ...preprocess.resample import resample
from ...towers.shape import SoundShape
from ...towers.sound import SoundTower
from ..objective import distance, prototype_nce
from ..trainer import Advance, Schedule, fit
from .prototypes import central, digest_of, said
from .synthesis import RATE_HZ, SYNTHESISED, Random, coloured

WINDOW = 2 * RATE_HZ
VIEWS_A_CLIP, VIEWS_A_SYNTHESIS, SIMULATED_VIEWS = 72, 400, 3600
# Of a clip's views, one in so many is as the model will meet it: not augmented.
PLAIN = 4
SYNTHETIC, LABELS, EMBEDDING = -1, 521, 1024
# What the simulated world calls otherwise, or does not call at all.
SIMULATED = {"dog": "dog_bark", "None": "quiet"}
SEED, BATCH, TEMPERATURE = 3, 96, 0.15
# A feature of the teacher's that hardly ever differs is not made to.
FAINT = 0.05
# Beside the cross-entropy: to lie where the teacher's labels lie, and to know the teacher's scores and
# features of everything, which ten classes of a few recordings each cannot teach.
TEACHER_SHARE, SCORE_SHARE, EMBEDDING_SHARE = 0.2, 0.1, 8.0
# The second goes on from the tower of the first.
SCHEDULES = tuple(
    Schedule(
        steps=steps, rate=rate, weight_decay=0.05, warmup=50, average=0.98, bf16=True, evaluate_every=100
    )
    for steps, rate in ((900, 2e-3), (1000, 1.5e-3))
)


Clip = tuple[str, int, np.ndarray]
"""Its class, its fold and its wave."""


class Views(NamedTuple):
    """Augmented windows: halved log-mel float16 (n, 64, 102), class int64 (n,), fold int64 (n,) with -1 for
    what was synthesised, and the teacher's AudioSet scores (n, 521) and features (n, 1024), float16."""

    mels: np.ndarray
    classes: np.ndarray
    folds: np.ndarray
    scores: np.ndarray
    embeddings: np.ndarray


@cache
def phrases() -> dict[str, list[str]]:
    """Class to the texts that name it, from sounds.toml."""
    return tomllib.loads(files(__package__ or "").joinpath("sounds.toml").read_text())


def recorded(shared: Path) -> list[Clip]:
    """ESC-10's clips: class, fold, float32 wave at 16 kHz."""
    clips = []
    for path in sorted((shared / "data" / "esc10").glob("*/*.ogg")):
        pcm, rate_hz = load_sound(path)
        wave = resample(torch.from_numpy(pcm[:, 0] / np.float32(32768)), rate_hz, RATE_HZ).numpy()
        clips.append((path.parent.name, int(path.name[0]), wave))
    return clips


def window_of(random: Random, wave: np.ndarray) -> np.ndarray:
    """Two seconds of a clip in which something is heard: at least half as loud as its loudest second."""
    if len(wave) <= WINDOW:
        return np.pad(wave, (0, WINDOW - len(wave)))
    loudest = max(
        float(np.square(part).mean()) for part in np.array_split(wave, max(1, len(wave) // RATE_HZ))
    )
    part = wave[:WINDOW]
    for _ in range(20):
        start = int(random.integers(len(wave) - WINDOW + 1))
        part = wave[start : start + WINDOW]
        if np.square(part).mean() > 0.25 * loudest:
            break
    return part


def augmented(random: Random, wave: np.ndarray) -> np.ndarray:
    """Another speed, another microphone, another distance, another room: float32 (WINDOW,) within [-1, 1]."""
    speed = np.exp(random.uniform(-0.29, 0.29))
    wave = np.interp(np.arange(WINDOW) * speed, np.arange(len(wave)), wave, right=0.0)
    spectrum, hz = np.fft.rfft(wave), np.fft.rfftfreq(WINDOW, 1 / RATE_HZ)
    octaves = np.log2(np.maximum(hz, 40.0) / 40.0)
    decibels = np.interp(octaves, np.linspace(0, 7.7, 6), random.uniform(-8, 8, 6))
    wave = np.fft.irfft(spectrum * 10 ** (decibels / 20), WINDOW)
    wave = wave / max(float(np.abs(wave).max()), 1e-6) * 10 ** (random.uniform(-35, -1) / 20)
    noise = coloured(random, WINDOW, random.uniform(0, 1.5)) * float(wave.std() + 1e-5)
    wave = wave + noise * 10 ** (-random.uniform(3, 50) / 20)
    return np.clip(wave, -1, 1).astype(np.float32)


def halved_mel(wave: np.ndarray) -> np.ndarray:
    """What the tower's first operation makes of `preprocess.audio`: float16 (64, 102)."""
    return F.avg_pool2d(audio(wave, RATE_HZ)[None], 2)[0, 0].numpy().astype(np.float16)


class YamNet:
    """What YAMNet (TFLite) makes of a window, the mean over its parts: AudioSet scores float16 (521,), and
    features (1024,), from which the scores are made."""

    PART, FEATURES = 15_600, 115

    def __init__(self, shared: Path) -> None:
        from ai_edge_litert.interpreter import Interpreter  # pyright: ignore[reportMissingImports]

        path = shared / "teachers" / "yamnet_audio_classifier_with_metadata.tflite"
        with warnings.catch_warnings():
            # Keeping inner tensors is called experimental and costs memory; one of them is wanted.
            warnings.simplefilter("ignore")
            self._net = Interpreter(str(path), num_threads=1, experimental_preserve_all_tensors=True)
        self._net.allocate_tensors()
        self._input = self._net.get_input_details()[0]["index"]
        self._scores = self._net.get_output_details()[0]["index"]
        tensors = {tensor["index"]: tensor for tensor in self._net.get_tensor_details()}
        self._scale, self._zero = tensors[self.FEATURES]["quantization"]

    def __call__(self, wave: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        starts = (0, (len(wave) - self.PART) // 2, len(wave) - self.PART)
        parts = [self._part(wave[start : start + self.PART]) for start in starts]
        scores, features = (
            np.mean(outputs, axis=0).astype(np.float16) for outputs in zip(*parts, strict=True)
        )
        return scores, features

    def _part(self, wave: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self._net.set_tensor(self._input, wave)
        self._net.invoke()
        features = self._net.get_tensor(self.FEATURES).reshape(-1).astype(np.float32)
        return self._net.get_tensor(self._scores)[0], (features - self._zero) * self._scale


def simulated(split: Split, count: int, seed: int = 0) -> Iterator[tuple[str, np.ndarray]]:
    """Class and wave (float32, 16 kHz) of 2.3 s excerpts of simulated worlds: every kind, nothing twice."""
    kinds = [name for name, kind in KINDS.items() if "audio" in kind.modalities]
    length_ns = round(2.3 * NS)
    for one in islice(
        excerpts(split, ("microphone",), length_ns, seed=seed, wanted=(*kinds, None, None)), count
    ):
        yield (
            SIMULATED.get(str(one.wanted), str(one.wanted)),
            one.data["microphone"][:, 0] / np.float32(32768),
        )


def prepare(shared: Path, build: Path) -> None:
    """Write augmented windows of recorded, synthesised and simulated sounds into `build`/sounds.npz."""
    teacher, names = YamNet(shared), list(phrases())
    rows = [
        _row(teacher, wave, names.index(name), fold)
        for name, fold, wave in chain(_recorded_views(shared), _synthesised_views(), _simulated_views())
    ]
    np.savez(build / "sounds.npz", **Views(*map(np.stack, zip(*rows, strict=True)))._asdict())


def _recorded_views(shared: Path) -> Iterator[Clip]:
    for i, (name, fold, wave) in enumerate(recorded(shared)):
        random = np.random.default_rng([SEED, 0, i])
        for view in range(VIEWS_A_CLIP):
            part = window_of(random, wave)
            yield name, fold, augmented(random, part) if view % PLAIN else part


def _synthesised_views() -> Iterator[Clip]:
    for kind, (name, voice) in enumerate(SYNTHESISED.items()):
        for i in range(VIEWS_A_SYNTHESIS):
            random = np.random.default_rng([SEED, 1, kind, i])
            yield name, SYNTHETIC, augmented(random, voice(random, WINDOW + RATE_HZ // 2))


def _simulated_views() -> Iterator[Clip]:
    for i, (name, wave) in enumerate(simulated("train", SIMULATED_VIEWS)):
        random = np.random.default_rng([SEED, 2, i])
        if i % 2:
            yield name, SYNTHETIC, augmented(random, wave)
        else:
            start = int(random.integers(len(wave) - WINDOW))
            yield name, SYNTHETIC, wave[start : start + WINDOW] * 10 ** (random.uniform(-6, 6) / 20)


def _row(teacher: YamNet, wave: np.ndarray, kind: int, fold: int) -> tuple[Any, ...]:
    wave = np.ascontiguousarray(wave, np.float32)
    return halved_mel(wave), kind, fold, *teacher(wave)


class Student(nn.Module):
    """The tower, and what it needs only while it learns: what the teacher says, from its features."""

    def __init__(self, shape: SoundShape) -> None:
        super().__init__()
        self.tower = SoundTower(shape)
        self.scores = nn.Linear(self.tower.head.in_features, LABELS)
        self.embedding = nn.Linear(self.tower.head.in_features, EMBEDDING)


class Batch(NamedTuple):
    mels: Tensor
    """Halved log-mels (n, 1, 64, 102)."""
    shares: Tensor
    """Of each class (n, k)."""
    heard: Tensor
    """The direction of the teacher's labels (n, dim), 0 where it is not asked."""
    scores: Tensor
    """The teacher's (n, 521)."""
    embeddings: Tensor
    """The teacher's features (n, 1024), each of mean 0 and deviation 1."""


class SoundTask:
    """Bring windows beside the texts of their class, and recordings where the teacher's labels are (see
    `trainer.Task`). A fold `held_out` is measured on; without one, what was trained on. `start` is a tower's
    state to go on from."""

    def __init__(
        self,
        build: Path,
        texts: dict[str, np.ndarray],
        labels: np.ndarray,
        held_out: int | None = None,
        start: Mapping[str, Tensor] | None = None,
    ) -> None:
        with np.load(build / "sounds.npz") as arrays:
            self._views = Views(**{name: arrays[name] for name in Views._fields})
        self._texts = [torch.from_numpy(texts[name]) for name in phrases()]
        self._said = said(self._texts)
        self._quiet = list(phrases()).index("quiet")
        self._heard = _weighted(self._views.scores, labels)
        self._embeddings = _standard(self._views.embeddings)
        out = self._views.folds == (held_out if held_out is not None else SYNTHETIC - 1)
        self._by_kind = [np.flatnonzero(~out & (self._views.classes == k)) for k in range(len(self._texts))]
        measured = np.flatnonzero(out if held_out is not None else self._views.folds != SYNTHETIC)
        self._measured = measured[::VIEWS_A_CLIP]
        self.identity = f"sound {compute_sha256(build / 'sounds.npz')} {held_out} {digest_of(texts)}"
        torch.manual_seed(SEED)
        self.shape = SoundShape()
        self._student = Student(self.shape)
        self.tower = self._student.tower
        if start is not None:
            self.tower.load_state_dict(start)
        self.module: nn.Module = self._student

    def batch(self, step: int) -> Batch:
        random = np.random.default_rng([SEED, step])
        weight = np.sqrt([len(which) for which in self._by_kind])
        kinds = random.choice(len(weight), BATCH, p=weight / weight.sum())
        chosen = np.array([random.choice(self._by_kind[kind]) for kind in kinds])
        x = _masked(random, self._views.mels[chosen].astype(np.float32))
        share, heard = np.eye(len(weight), dtype=np.float32)[kinds], self._heard[chosen]
        heard = heard * (self._views.folds[chosen] != SYNTHETIC)[:, None]
        # What is louder is also more of what is heard; beside nothing at all, everything is heard alone.
        part = np.where(random.random(BATCH) < 0.5, random.uniform(0.5, 1, BATCH), 1).astype(np.float32)
        other = random.permutation(BATCH)
        x = _added(x, x[other], part)
        scores, embeddings = (
            part[:, None] * known + (1 - part)[:, None] * known[other]
            for known in (self._views.scores[chosen], self._embeddings[chosen])
        )
        part = np.where(kinds[other] == self._quiet, 1, np.where(kinds == self._quiet, 1 * (part == 1), part))
        share, heard = (part[:, None] * told + (1 - part)[:, None] * told[other] for told in (share, heard))
        return Batch(
            *(torch.from_numpy(a.astype(np.float32)) for a in (x[:, None], share, heard, scores, embeddings))
        )

    def loss(self, batch: Any) -> Tensor:
        mels, shares, heard, scores, embeddings = cast(Batch, batch)
        features = self.tower.features(mels)
        rows = F.normalize(self.tower.head(features).float(), dim=1)
        known = F.binary_cross_entropy_with_logits(
            self._student.scores(features).float(), scores, reduction="none"
        )
        return (
            prototype_nce(rows, self._said.rows, shares @ self._said.spread, TEMPERATURE)
            # A row that the teacher is not asked about is 0 there, and its distance a constant.
            + TEACHER_SHARE * distance(rows, heard)
            + SCORE_SHARE * known.sum(dim=1).mean()
            + EMBEDDING_SHARE * F.mse_loss(self._student.embedding(features).float(), embeddings)
        )

    def evaluate(self) -> dict[str, float]:
        """Accuracy of windows of the held-out fold among its own classes, in their middle as they are."""
        x = torch.from_numpy(self._views.mels[self._measured].astype(np.float32))[:, None]
        kinds = self._views.classes[self._measured]
        present = sorted(set(kinds.tolist()))
        guessed = (self.tower.pooled(x) @ central(self._texts)[present].T).argmax(dim=1).numpy()
        return {"accuracy": float((np.array(present)[guessed] == kinds).mean())}


def learn(
    build: Path,
    texts: dict[str, np.ndarray],
    labels: np.ndarray,
    report: Callable[[Advance], None],
    folder: Path,
    held_out: int | None = None,
) -> SoundTask:
    """Train a tower, schedule after schedule, with checkpoints in `folder`. Takes ten minutes and more."""
    task = SoundTask(build, texts, labels, held_out)
    for number, schedule in enumerate(SCHEDULES):
        task = SoundTask(build, texts, labels, held_out, task.tower.state_dict() if number else None)
        fit(task, schedule, folder / f"run-audio-{number}", report)
    return task


def _standard(embeddings: np.ndarray) -> np.ndarray:
    """Each feature with mean 0 and deviation 1, float16 (n, 1024)."""
    mean = embeddings.mean(axis=0, dtype=np.float32)
    deviation = embeddings.std(axis=0, dtype=np.float32).clip(FAINT)
    return ((embeddings - mean) / deviation).astype(np.float16)


def _weighted(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The direction (n, dim) of the labels' anchors (521, dim), as much of each as its score (n, 521)."""
    certain = np.where(scores > 0.05, scores, 0).astype(np.float32)
    rows = certain @ labels
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)


def _masked(random: Random, mels: np.ndarray) -> np.ndarray:
    """SpecAugment (Park et al., arXiv 1904.08779) with silence, and another gain: (n, 64, 102)."""
    mels = mels + (random.uniform(-12, 6, (len(mels), 1, 1)) * math.log(10) / 10 / STD).astype(np.float32)
    for mel in mels:
        low, first = random.integers(0, 56), random.integers(0, 84)
        mel[low : low + random.integers(0, 12)] = mel.min()
        mel[:, first : first + random.integers(0, 18)] = mel.min()
    return mels


def _added(mels: np.ndarray, others: np.ndarray, part: np.ndarray) -> np.ndarray:
    """The sounds together: energies are added, `part` (n,) of the first and the rest of the second."""
    with np.errstate(divide="ignore"):
        first, second = np.log(part)[:, None, None], np.log(1 - part)[:, None, None]
    return np.logaddexp(mels * STD + first, others * STD + second) / STD
