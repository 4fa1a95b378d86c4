"""Text to token ids: CLIP's byte-pair encoding for released checkpoints, plain bytes for small models."""

import gzip
import html
import re
import unicodedata
from pathlib import Path
from typing import Protocol

from .errors import ModelError

MERGES = 49152 - 256 - 2
# What ftfy, which CLIP cleans text with, does to the curly quotes that word processors write.
_QUOTES = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"'})
_WORDS = r"'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+"


class Tokenizer(Protocol):
    """`start` and `end` wrap a text; `end` is the largest id, because the text trunk pools there."""

    start: int
    end: int

    def ids(self, text: str) -> list[int]:
        """The ids of a text without `start` and `end`."""
        ...


class ByteTokenizer:
    """UTF-8 bytes: 0 pads, byte b is b + 1. Needs no vocabulary file."""

    start = 257
    end = 258
    size = 259

    def ids(self, text: str) -> list[int]:
        return [byte + 1 for byte in clean(text).encode()]


class ClipTokenizer:
    """CLIP's byte-pair encoding (Radford et al. 2021) from its list of merges.

    `vocabulary` is `bpe_simple_vocab_16e6.txt.gz`. Raises ModelError when it is missing or something else.
    """

    start = 49406
    end = 49407

    def __init__(self, vocabulary: Path) -> None:
        from tokenizers import Regex, Tokenizer, models, pre_tokenizers

        merges = _read_merges(vocabulary)
        symbols = sorted(pre_tokenizers.ByteLevel.alphabet(), key=_byte_order)
        tokens = [*symbols, *(s + "</w>" for s in symbols), *("".join(pair) for pair in merges)]
        ids = {token: i for i, token in enumerate(tokens)}
        self._tokenizer = Tokenizer(models.BPE(vocab=ids, merges=merges, end_of_word_suffix="</w>"))
        self._tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(_WORDS), behavior="removed", invert=True),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )

    def ids(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(clean(text), add_special_tokens=False).ids)


def clean(text: str) -> str:
    """Unescape HTML (twice, as CLIP does), compose, collapse white space, lower the case."""
    text = unicodedata.normalize("NFC", text.translate(_QUOTES))
    return re.sub(r"\s+", " ", html.unescape(html.unescape(text))).strip().lower()


def _read_merges(path: Path) -> list[tuple[str, str]]:
    if not path.is_file():
        raise ModelError(
            f"{path}: CLIP's merges, which turn text into tokens, are missing; put {path.name} there or pass "
            "its path as load_model(vocabulary=...) (it is in github.com/openai/CLIP, folder clip)"
        )
    try:
        lines = gzip.decompress(path.read_bytes()).decode().split("\n")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: no gzipped list of merges ({error})") from error
    pairs = [tuple(line.split()) for line in lines[1 : MERGES + 1]]
    if len(pairs) < MERGES or any(len(pair) != 2 for pair in pairs):
        raise ModelError(f"{path}: fewer than the {MERGES} merges of CLIP's vocabulary")
    return [(pair[0], pair[1]) for pair in pairs]


def _byte_order(symbol: str) -> tuple[bool, int]:
    """CLIP's order of byte symbols: printable Latin-1 first, then the stand-ins from U+0100."""
    return ord(symbol) >= 256, ord(symbol)
