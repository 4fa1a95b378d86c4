"""The text tower: word pieces through a small transformer, averaged."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .shape import TextShape

LENGTH = 77


class TextTower(nn.Module):
    """Token ids, int64 (n, 77), 0 beyond a text's end, to (n, meaning)."""

    def __init__(self, shape: TextShape) -> None:
        super().__init__()
        # Random numbers on the meta device would import torch's whole compiler.
        self.tokens = nn.Embedding.from_pretrained(torch.zeros(shape.vocabulary, shape.width), freeze=False)
        self.places = nn.Parameter(torch.zeros(LENGTH, shape.width))
        self.blocks = nn.ModuleList([Block(shape.width, shape.heads) for _ in range(shape.blocks)])
        self.norm = nn.LayerNorm(shape.width)
        self.head = nn.Linear(shape.width, shape.meaning, bias=False)

    def forward(self, ids: Tensor) -> Tensor:
        # Most texts are far shorter than 77 tokens: what only pads is not computed.
        ids = ids[:, : int((ids != 0).sum(dim=1).max())]
        return self.rows(ids, padded=not bool((ids != 0).all()))

    def rows(self, ids: Tensor, *, padded: bool = True) -> Tensor:
        """`forward` without its shortcuts: tensor operations only, as exporters need."""
        real = ids != 0
        x = self.tokens(ids) + self.places[: ids.shape[1]]
        mask = real[:, None, None, :] if padded else None
        for block in self.blocks:
            x = block(x, mask)
        weight = real.to(x.dtype)[..., None]
        return self.head(self.norm((x * weight).sum(dim=1) / weight.sum(dim=1)))


class Block(nn.Module):
    """A pre-norm transformer block (Xiong et al., arXiv 2002.04745)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self._heads = heads
        self.norm_1 = nn.LayerNorm(width)
        self.mixed = nn.Linear(width, 3 * width)
        self.joined = nn.Linear(width, width)
        self.norm_2 = nn.LayerNorm(width)
        self.wide = nn.Linear(width, 4 * width)
        self.narrow = nn.Linear(4 * width, width)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        n, t, width = x.shape
        q, k, v = self.mixed(self.norm_1(x)).view(n, t, 3, self._heads, -1).permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(q, k, v, mask).transpose(1, 2).reshape(n, t, width)
        x = x + self.joined(seen)
        return x + self.narrow(F.gelu(self.wide(self.norm_2(x))))
