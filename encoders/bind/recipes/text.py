"""The text tower's recipe: distilled from the anchors of texts of our own making."""

import json
import tarfile
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from random import Random
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...digest import compute_sha256
from ...tokenizer import OwnTokenizer, learn_merges
from ...towers.shape import TextShape
from ...towers.text import TextTower
from ..anchors import DIM, Anchors
from ..objective import distance
from ..trainer import Schedule
from . import motion, sound
from .concepts import concepts
from .texts import make_texts

HELD_OUT, MERGES, SEED = 5_000, 15_500, 1
BATCH = 1024
# A unit row has numbers of 1/16: longer ones are not lost in what the blocks add at first.
PIECE_LENGTH = 8.0
# How close a batch's texts are to each other matters as much as where each lies: the softmax over them.
RELATION_TEMPERATURE, RELATION_SHARE = 0.05, 0.3


class Corpus(NamedTuple):
    """`texts` of some ways to make them (see `make_texts`), in all."""

    name: str
    texts: int
    seed: int
    shares: dict[str, int]


CORPORA = (
    Corpus(
        "words",
        320_000,
        1,
        {"happening": 6, "thing": 4, "named": 5, "word": 4, "pair": 3, "substituted": 5, "fragment": 3},
    ),
    Corpus("sentences", 230_000, 2, {"caption": 6, "phrase": 5, "varied": 6, "part": 4}),
)
SCHEDULE = Schedule(
    steps=2400, rate=2e-3, weight_decay=0.01, warmup=100, average=0.995, bf16=True, evaluate_every=200
)


def label_names(shared: Path) -> list[str]:
    """The names that matter: the teachers' labels, whole and in parts, the training sets' classes, and what
    the other towers' classes are called."""
    known = concepts(shared)
    parts = [part.strip() for name in known for part in name.split(",")]
    with tarfile.open(shared / "data" / "caltech101" / "train.tar") as tar:
        pictures = sorted({name.partition("/")[0] for name in tar.getnames()} - {"BACKGROUND_Google"})
    sounds = sorted(path.name for path in (shared / "data" / "esc10").iterdir() if path.is_dir())
    classes = [name.replace("_", " ").lower() for name in (*pictures, *sounds)]
    called = chain(*sound.phrases().values(), *motion.phrases().values())
    return [name for name in dict.fromkeys([*known, *parts, *classes, *called]) if name]


def prepare(shared: Path, build: Path, corpus: Corpus) -> None:
    """Write the texts of a corpus and their anchors (float16) into `build`; of the first one's texts
    the tokenizer is made."""
    anchors = Anchors(concepts(shared))
    texts = make_texts(corpus.texts, label_names(shared), anchors.teacher.words, corpus.seed, corpus.shares)
    Random(corpus.seed - 1).shuffle(texts)
    np.save(build / f"{corpus.name}.npy", _in_parts(anchors, texts))
    if corpus is CORPORA[0]:
        merges = learn_merges(texts, MERGES)
        np.save(build / "pieces.npy", anchors(OwnTokenizer(merges).pieces).astype(np.float16))
        (build / "merges.json").write_text(json.dumps(merges))
    (build / f"{corpus.name}.txt").write_text("\n".join(texts))


def _in_parts(anchors: Anchors, texts: list[str], size: int = 20_000) -> np.ndarray:
    parts = [anchors(texts[at : at + size]).astype(np.float16) for at in range(0, len(texts), size)]
    return np.concatenate(parts)


class Texts(NamedTuple):
    """Texts of one length in tokens: ids int64 (n, t) and where their anchors are."""

    ids: Tensor
    rows: np.ndarray


class TextTask:
    """Distil the anchors of all texts, prepared in `build`, into a tower (see `trainer.Task`).

    Its figures are of texts that were held out, of the last corpus.
    """

    def __init__(self, build: Path) -> None:
        self.tokenizer = OwnTokenizer(json.loads((build / "merges.json").read_text()))
        self.shape = TextShape(vocabulary=self.tokenizer.size)
        texts = [(build / f"{corpus.name}.txt").read_text().split("\n") for corpus in CORPORA]
        self._anchors = np.concatenate([np.load(build / f"{corpus.name}.npy") for corpus in CORPORA])
        last = sum(map(len, texts[:-1]))
        every = [text for some in texts for text in some]
        self._held_out = _by_length(self.tokenizer, every, range(last, last + HELD_OUT))
        self._buckets = _by_length(self.tokenizer, every, [*range(last), *range(last + HELD_OUT, len(every))])
        inputs = (compute_sha256(build / f"{corpus.name}.npy") for corpus in CORPORA)
        self.identity = " ".join(("text", compute_sha256(build / "merges.json"), *inputs))
        torch.manual_seed(SEED)
        self.tower = TextTower(self.shape)
        self.module: nn.Module = self.tower
        self._begin_with(np.load(build / "pieces.npy"))

    def _begin_with(self, pieces: np.ndarray) -> None:
        """A text begins as the mean of its pieces' own anchors: what is learnt is how they combine."""
        with torch.no_grad():
            known = torch.from_numpy(pieces.astype(np.float32))
            self.tower.tokens.weight[1 : 1 + len(known)] = PIECE_LENGTH * known
            self.tower.head.weight.copy_(torch.eye(DIM))
            self.tower.places.normal_(0, 0.01)
            for name, parameter in self.module.named_parameters():
                if name.endswith(("joined.weight", "narrow.weight")):
                    parameter.mul_(0.1)

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        random = np.random.default_rng([SEED, step])
        sizes = np.array([len(bucket.rows) for bucket in self._buckets], float)
        bucket = self._buckets[random.choice(len(sizes), p=sizes / sizes.sum())]
        chosen = random.integers(len(bucket.rows), size=BATCH)
        return bucket.ids[chosen], self._teacher(bucket.rows[chosen])

    def loss(self, batch: Any) -> Tensor:
        ids, teacher = cast(tuple[Tensor, Tensor], batch)
        rows = F.normalize(self.module(ids).float(), dim=1)
        return distance(rows, teacher) + RELATION_SHARE * _relation(rows, teacher)

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        cosines = [
            F.cosine_similarity(self.module(bucket.ids), self._teacher(bucket.rows))
            for bucket in self._held_out
        ]
        return {"cosine": float(torch.cat(cosines).mean())}

    def _teacher(self, rows: np.ndarray) -> Tensor:
        return torch.from_numpy(self._anchors[rows].astype(np.float32))


def _relation(rows: Tensor, teacher: Tensor) -> Tensor:
    """KL divergence of which of the batch's anchors a row is like from which its own anchor is like."""
    wanted = F.softmax(teacher @ teacher.T / RELATION_TEMPERATURE, dim=1)
    return F.kl_div(
        F.log_softmax(rows @ teacher.T / RELATION_TEMPERATURE, dim=1), wanted, reduction="batchmean"
    )


def _by_length(tokenizer: OwnTokenizer, texts: list[str], which: Iterable[int]) -> list[Texts]:
    """Texts of one length in a tensor of their own, so that nothing is padded."""
    found: dict[int, tuple[list[list[int]], list[int]]] = {}
    for row in which:
        ids = [tokenizer.start, *tokenizer.ids(texts[row]), tokenizer.end]
        same = found.setdefault(len(ids), ([], []))
        same[0].append(ids)
        same[1].append(row)
    return [Texts(torch.tensor(ids), np.array(rows)) for _, (ids, rows) in sorted(found.items())]
