"""Transformer blocks whose weights were made ready once, in float32 or bfloat16: for a CPU, or for a GPU.

For a CPU oneDNN lays them out for its kernels: PyTorch's own float32 product does that anew in every call,
and through MKL, which reached 85 of oneDNN's 200 GFLOP/s on a thread of an AMD EPYC. In bfloat16 only the
products and attention are rounded: the residual stream and the norms stay float32.
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .imagebind import Attention, Block, ImageBind, Transformer, split_heads


class PackedLinear(nn.Module):
    """A linear layer on packed weights, its inputs and outputs (..., n) in `dtype`; optionally with GELU."""

    def __init__(self, weight: Tensor, bias: Tensor, dtype: torch.dtype, activation: str = "none") -> None:
        super().__init__()
        self.weight: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight.to(dtype))
        self.bias = bias.to(dtype)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        # The last argument chooses the exact GELU, of erf.
        return torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, self.activation, [], "none")


class RoundedLinear(nn.Module):
    """What `PackedLinear` computes, on weights as they lie, which move with their module to any device."""

    weight: Tensor
    bias: Tensor

    def __init__(self, weight: Tensor, bias: Tensor, dtype: torch.dtype, activation: str = "none") -> None:
        super().__init__()
        self.register_buffer("weight", weight.to(dtype))
        self.register_buffer("bias", bias.to(dtype))
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        y = F.linear(x, self.weight, self.bias)
        return F.gelu(y) if self.activation == "gelu" else y


Linear = type[PackedLinear] | type[RoundedLinear]


class PackedBlock(nn.Module):
    """What `Block` computes, with every product in `dtype`; takes and returns float32 (b, l, d)."""

    bias_k: Tensor | None
    bias_v: Tensor | None

    def __init__(self, block: Block, dtype: torch.dtype, linear: Linear = PackedLinear) -> None:
        super().__init__()
        attn, mlp = block.attn, block.mlp
        width = attn.out_proj.in_features
        self.dtype, self.heads = dtype, attn.heads
        self.norm_1, self.norm_2 = block.norm_1, block.norm_2
        # The queries' weights bear the softmax's scale, which then costs nothing and is not rounded twice.
        scale = (width // attn.heads) ** -0.5
        self.q = linear(scale * attn.in_proj_weight[:width], scale * attn.in_proj_bias[:width], dtype)
        self.kv = linear(attn.in_proj_weight[width:], attn.in_proj_bias[width:], dtype)
        bias_k, bias_v = _converted(attn, dtype)
        self.register_buffer("bias_k", bias_k)
        self.register_buffer("bias_v", bias_v)
        self.out = linear(attn.out_proj.weight, attn.out_proj.bias, dtype)
        self.fc1 = linear(mlp.fc1.weight, mlp.fc1.bias, dtype, "gelu")
        self.fc2 = linear(mlp.fc2.weight, mlp.fc2.bias, dtype)

    def forward(self, x: Tensor, rows: int, causal: bool) -> Tensor:
        y = self.norm_1(x).to(self.dtype)
        q, k, v = split_heads(self.q(y[:, :rows]), self.kv(y), self.heads, self.bias_k, self.bias_v)
        x = x[:, :rows] + self.out(_attend(q, k, v, causal).transpose(1, 2).flatten(2))
        return x + self.fc2(self.fc1(self.norm_2(x).to(self.dtype)))


def _attend(q: Tensor, k: Tensor, v: Tensor, causal: bool) -> Tensor:
    """Attention of scaled queries: (b, heads, rows, d / heads)."""
    if causal or q.dtype == torch.float32 or q.is_cuda:
        return F.scaled_dot_product_attention(q, k, v, is_causal=causal, scale=1.0)
    # PyTorch's fused kernel took twice as long as this in bfloat16 on a CPU without AMX.
    return torch.softmax(q @ k.transpose(2, 3), dim=-1) @ v


def _converted(attn: Attention, dtype: torch.dtype) -> tuple[Tensor | None, Tensor | None]:
    if attn.bias_k is None or attn.bias_v is None:
        return None, None
    return attn.bias_k.to(dtype), attn.bias_v.to(dtype)


def pack(network: ImageBind, modality: str, dtype: torch.dtype, linear: Linear = PackedLinear) -> None:
    """Replace the blocks of one trunk, in place: its former weights are let go one block after the other."""
    blocks = cast(Transformer, network.modality_trunks[modality]).blocks
    for i, block in enumerate(blocks):
        blocks[i] = PackedBlock(cast(Block, block), dtype, linear)
