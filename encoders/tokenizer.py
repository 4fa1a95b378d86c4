"""Text to token ids: CLIP's byte-pair encoding for released checkpoints, a model's own, or plain bytes."""

import gzip
import html
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from .errors import ModelError

if TYPE_CHECKING:
    from tokenizers.pre_tokenizers import PreTokenizer

MERGES = 49152 - 256 - 2
END_OF_WORD = "</w>"
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
        self._pairs = _Pairs(_read_merges(vocabulary))

    def ids(self, text: str) -> list[int]:
        return self._pairs.ids(text)


class OwnTokenizer:
    """The same encoding with a model's own merges, each "left right". 0 pads; `size` ids in all.

    Raises ModelError for merges that are none.
    """

    def __init__(self, merges: Sequence[str]) -> None:
        self._pairs = _Pairs([_pair(merge) for merge in merges])
        self.start = self._pairs.size + 1
        self.end = self.start + 1
        self.size = self.end + 1

    def ids(self, text: str) -> list[int]:
        return [index + 1 for index in self._pairs.ids(text)]

    @property
    def pieces(self) -> list[str]:
        """The letters that ids 1, 2, ... stand for."""
        return [self._pairs.text(index) for index in range(self._pairs.size)]


class _Pairs:
    """Byte-pair encoding of words whose last symbol carries `</w>`, as CLIP numbers it: the bytes, the bytes
    that end a word, the merges."""

    def __init__(self, merges: list[tuple[str, str]]) -> None:
        from tokenizers import Tokenizer, models, pre_tokenizers

        symbols = sorted(pre_tokenizers.ByteLevel.alphabet(), key=_byte_order)
        tokens = [*symbols, *(s + END_OF_WORD for s in symbols), *("".join(pair) for pair in merges)]
        ids = {token: i for i, token in enumerate(tokens)}
        self.size = len(ids)
        if unknown := [pair for pair in merges if not set(pair) <= ids.keys()]:
            raise ModelError(f"merges of pieces that do not exist, the first is {' + '.join(unknown[0])!r}")
        self._tokenizer = Tokenizer(models.BPE(vocab=ids, merges=merges, end_of_word_suffix=END_OF_WORD))
        self._tokenizer.pre_tokenizer = _words()

    def ids(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(clean(text), add_special_tokens=False).ids)

    def text(self, index: int) -> str:
        """The letters of one id."""
        return (self._tokenizer.id_to_token(index) or "").removesuffix(END_OF_WORD)


def _pair(merge: str) -> tuple[str, str]:
    left, space, right = merge.partition(" ")
    if not (left and space and right) or " " in right:
        raise ModelError(f"merge {merge!r} is not two pieces with a space between")
    return left, right


def learn_merges(texts: Iterable[str], count: int) -> list[str]:
    """The merges, at most `count` and in their order, that encode `texts` in the fewest tokens."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE(end_of_word_suffix=END_OF_WORD))
    tokenizer.pre_tokenizer = _words()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=2 * len(alphabet) + count,
        initial_alphabet=alphabet,
        end_of_word_suffix=END_OF_WORD,
        show_progress=False,
    )
    tokenizer.train_from_iterator(map(clean, texts), trainer)
    pairs = json.loads(tokenizer.to_str())["model"]["merges"]
    return [" ".join(pair) for pair in pairs][:count]


def _words() -> "PreTokenizer":
    """How CLIP parts a text into words and their bytes."""
    from tokenizers import Regex, pre_tokenizers

    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORDS), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


def clean(text: str) -> str:
    """As CLIP does: mend broken characters, unescape HTML twice, collapse white space, lower the case."""
    import ftfy

    text = html.unescape(html.unescape(ftfy.fix_text(text)))
    return re.sub(r"\s+", " ", text).strip().lower()


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
