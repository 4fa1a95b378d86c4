"""A text to ImageBind's text input."""

import torch
from torch import Tensor

from ..imagebind import TEXT_LENGTH
from ..tokenizer import Tokenizer


def text(words: str, tokenizer: Tokenizer) -> Tensor:
    """Start, the text's tokens, end, zeros: int64 (77,). A longer text loses its tail, never its end."""
    ids = [tokenizer.start, *tokenizer.ids(words)[: TEXT_LENGTH - 2], tokenizer.end]
    padded = torch.zeros(TEXT_LENGTH, dtype=torch.long)
    padded[: len(ids)] = torch.tensor(ids)
    return padded
