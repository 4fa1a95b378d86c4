"""ImageBind's architecture at any width: tensors in, embeddings out, state-dict keys as released.

Every trunk is a pre-norm vision transformer (Girdhar et al., arXiv 2305.05665). A module's attribute
names are the released checkpoint's keys, whatever they would be called otherwise.
"""

import math
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .architecture import Architecture, Trunk
from .errors import InputError

TEXT_LENGTH = 77
IMU_SHAPE = (6, 2000)
IMU_PATCH = 8
IMAGE_SIDE = 224
MAX_LOGIT_SCALE = 100.0
LOGIT_SCALES = {"text": 1 / 0.07, "audio": 20.0, "depth": 5.0, "thermal": 10.0, "imu": 5.0}

_SHAPES = {
    "vision": "pictures (n, 3, side, side), the side a multiple of 14, or clips (n, clips, 3, 2, side, side)",
    "text": f"token ids (n, {TEXT_LENGTH})",
    "audio": "log-mel (n, 1, 128, 204) or clips (n, clips, 1, 128, 204)",
    "depth": "disparity (n, 1, 224, 224)",
    "thermal": "(n, 1, 224, 224)",
    "imu": "(n, 6, 2000)",
}


class Attention(nn.Module):
    """Multi-head self-attention; with `bias_kv`, one learnt key and value more, appended unprojected."""

    def __init__(self, trunk: Trunk, bias_kv: bool) -> None:
        super().__init__()
        width = trunk.width
        self.heads = trunk.heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.empty(3 * width))
        self.bias_k = nn.Parameter(torch.empty(1, 1, width)) if bias_kv else None
        self.bias_v = nn.Parameter(torch.empty(1, 1, width)) if bias_kv else None
        self.out_proj = nn.Linear(width, width)

    def forward(self, x: Tensor, rows: int, causal: bool) -> Tensor:
        """Attend from the first `rows` of x (b, l, d) to all of it; returns (b, rows, d)."""
        width = x.shape[2]
        q = F.linear(x[:, :rows], self.in_proj_weight[:width], self.in_proj_bias[:width])
        kv = F.linear(x, self.in_proj_weight[width:], self.in_proj_bias[width:])
        q, k, v = split_heads(q, kv, self.heads, self.bias_k, self.bias_v)
        out = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
        return self.out_proj(out.transpose(1, 2).flatten(2))


def split_heads(
    q: Tensor, kv: Tensor, heads: int, bias_k: Tensor | None, bias_v: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Projected queries (b, rows, d), keys and values side by side (b, l, 2d); (b, heads, l, d / heads) each.

    Where there is a `bias_k` and `bias_v` (1, 1, d), keys and values end with it: l is one more.
    """
    batch, _, width = q.shape
    k, v = kv.chunk(2, dim=-1)
    if bias_k is not None and bias_v is not None:
        k = torch.cat([k, bias_k.expand(batch, 1, width)], dim=1)
        v = torch.cat([v, bias_v.expand(batch, 1, width)], dim=1)
    q, k, v = (part.unflatten(2, (heads, -1)).transpose(1, 2) for part in (q, k, v))
    return q, k, v


class Mlp(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class Block(nn.Module):
    """Pre-norm transformer block; computes only the first `rows` when nothing after reads the others."""

    def __init__(self, trunk: Trunk, bias_kv: bool) -> None:
        super().__init__()
        self.attn = Attention(trunk, bias_kv)
        self.norm_1 = nn.LayerNorm(trunk.width, eps=1e-6)
        self.mlp = Mlp(trunk.width)
        self.norm_2 = nn.LayerNorm(trunk.width, eps=1e-6)

    def forward(self, x: Tensor, rows: int, causal: bool) -> Tensor:
        x = x[:, :rows] + self.attn(self.norm_1(x), rows, causal)
        return x + self.mlp(self.norm_2(x))


class Positions(nn.Module):
    def __init__(self, tokens: int, width: int) -> None:
        super().__init__()
        self.pos_embed = nn.Parameter(torch.empty(1, tokens, width))

    def forward(self, tokens: int) -> Tensor:
        """The CLS row and a square grid of `tokens` - 1 rows, interpolated where it is not the learnt one."""
        learnt = self.pos_embed.shape[1]
        if tokens == learnt:
            return self.pos_embed
        side = math.isqrt(learnt - 1)
        grid = self.pos_embed[:, 1:].unflatten(1, (side, side)).permute(0, 3, 1, 2)
        scale = math.sqrt((tokens - 1) / (learnt - 1))
        grid = F.interpolate(grid, scale_factor=scale, mode="bicubic")
        return torch.cat([self.pos_embed[:, :1], grid.flatten(2).transpose(1, 2)], dim=1)


class VideoStem(nn.Module):
    """Patches of two frames by 14 by 14 pixels. A still picture stands for two equal frames."""

    def __init__(self, width: int) -> None:
        super().__init__()
        conv = nn.Conv3d(3, width, (2, 14, 14), (2, 14, 14), bias=False)
        self.proj = nn.Sequential(nn.Identity(), conv)

    def forward(self, x: Tensor) -> Tensor:
        weight: Tensor = self.proj[1].weight  # pyright: ignore[reportAssignmentType]
        if x.ndim == 4:
            # Two equal frames meet the sum of the kernel's two halves: the same result for half the work.
            return F.conv2d(x, weight.sum(dim=2), stride=14).flatten(2).transpose(1, 2)
        return F.conv3d(x, weight, stride=(2, 14, 14)).flatten(2).transpose(1, 2)


class PatchStem(nn.Module):
    """Square patches of a single-channel picture."""

    def __init__(self, width: int, stride: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(1, width, 16, stride, bias=False)
        self.norm_layer = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm_layer(self.proj(x).flatten(2).transpose(1, 2))


class ImuStem(nn.Module):
    """Patches of eight instants of all six channels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Linear(IMU_SHAPE[0] * IMU_PATCH, width, bias=False)
        self.norm_layer = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        patches = x.unfold(2, IMU_PATCH, IMU_PATCH).transpose(1, 2).flatten(2)
        return self.norm_layer(self.proj(patches))


class PatchTokens(nn.Module):
    """The class token and a picture's or spectrogram's patches, with positions."""

    def __init__(self, modality: str, width: int) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.empty(1, 1, width))
        self.stem_name = "depth_stem" if modality == "depth" else "rgbt_stem"
        stem = (
            VideoStem(width) if modality == "vision" else PatchStem(width, 10 if modality == "audio" else 16)
        )
        self.add_module(self.stem_name, stem)
        tokens = {"vision": 257, "audio": 229, "depth": 197, "thermal": 197}[modality]
        self.pos_embedding_helper = Positions(tokens, width)

    def forward(self, x: Tensor) -> Tensor:
        patches = self.get_submodule(self.stem_name)(x)
        tokens = torch.cat([self.cls_token.expand(x.shape[0], 1, -1), patches], dim=1)
        return tokens + self.pos_embedding_helper(tokens.shape[1])


class ImuTokens(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.pos_embed = nn.Parameter(torch.empty(1, IMU_SHAPE[1] // IMU_PATCH + 1, width))
        self.cls_token = nn.Parameter(torch.empty(1, 1, width))
        self.imu_stem = ImuStem(width)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.cls_token.expand(x.shape[0], 1, -1), self.imu_stem(x)], dim=1) + self.pos_embed


class TextTokens(nn.Module):
    def __init__(self, width: int, vocabulary: int) -> None:
        super().__init__()
        self.pos_embed = nn.Parameter(torch.empty(1, TEXT_LENGTH, width))
        # Part of every released checkpoint; attention is told that it is causal instead of reading it.
        self.register_buffer(
            "mask", torch.tensor(np.triu(np.full((TEXT_LENGTH, TEXT_LENGTH), -np.inf, "f4"), 1))
        )
        # Random numbers on the meta device would import torch's whole compiler.
        self.token_embedding = nn.Embedding.from_pretrained(torch.empty(vocabulary, width), freeze=False)

    def forward(self, ids: Tensor) -> Tensor:
        return self.token_embedding(ids) + self.pos_embed[:, : ids.shape[1]]


class Transformer(nn.Module):
    def __init__(self, modality: str, trunk: Trunk) -> None:
        super().__init__()
        self.causal = modality == "text"
        # Only vision has a norm before its blocks; a Sequential of nothing adds no keys.
        norms = [nn.LayerNorm(trunk.width, eps=1e-6)] if modality == "vision" else []
        self.pre_transformer_layer = nn.Sequential(*norms)
        bias_kv = modality not in ("vision", "text")
        self.blocks = nn.ModuleList(Block(trunk, bias_kv) for _ in range(trunk.blocks))

    def forward(self, x: Tensor, trace: dict[str, Tensor] | None) -> Tensor:
        x = self.pre_transformer_layer(x)
        for i, block in enumerate(self.blocks):
            # The head reads the class token alone, so the last block need not compute the others.
            only_class = trace is None and not self.causal and i == len(self.blocks) - 1
            x = block(x, 1 if only_class else x.shape[1], self.causal)
            if trace is not None:
                trace[f"block{i}"] = x
        return x


class TextHead(nn.Module):
    def __init__(self, width: int, dim: int) -> None:
        super().__init__()
        self.proj = nn.Sequential(nn.LayerNorm(width, eps=1e-6), nn.Linear(width, dim, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        return self.proj(x)


def _head(modality: str, width: int, dim: int) -> nn.Module:
    if modality == "text":
        return TextHead(width, dim)
    # Identities keep the released numbering: a selection of the class token, and for IMU a dropout.
    gaps = [nn.Identity()] * (2 if modality == "imu" else 1)
    return nn.Sequential(nn.LayerNorm(width, eps=1e-6), *gaps, nn.Linear(width, dim, bias=False))


class LogitScale(nn.Module):
    """Learnt for text, a constant elsewhere; kept as a logarithm and clipped at 100 once applied."""

    def __init__(self, modality: str) -> None:
        super().__init__()
        value = torch.tensor(math.log(LOGIT_SCALES[modality]))
        if modality == "text":
            self.log_logit_scale = nn.Parameter(value)
        else:
            self.register_buffer("log_logit_scale", value)

    def factor(self) -> Tensor:
        scale: Tensor = self.log_logit_scale  # pyright: ignore[reportAssignmentType]
        return scale.exp().clamp(max=MAX_LOGIT_SCALE)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor()


def _tokens(modality: str, width: int, vocabulary: int) -> nn.Module:
    if modality == "text":
        return TextTokens(width, vocabulary)
    return ImuTokens(width) if modality == "imu" else PatchTokens(modality, width)


def _postprocessor(modality: str) -> nn.Module:
    return nn.Sequential(nn.Identity(), *([LogitScale(modality)] if modality in LOGIT_SCALES else []))


class ImageBind(nn.Module):
    """The trunks of `architecture`; parameters are uninitialised until weights are loaded."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        trunks = architecture.trunks
        self.modality_preprocessors = nn.ModuleDict(
            {m: _tokens(m, t.width, architecture.vocabulary) for m, t in trunks.items()}
        )
        self.modality_trunks = nn.ModuleDict({m: Transformer(m, t) for m, t in trunks.items()})
        self.modality_heads = nn.ModuleDict(
            {m: _head(m, t.width, architecture.dim) for m, t in trunks.items()}
        )
        self.modality_postprocessors = nn.ModuleDict({m: _postprocessor(m) for m in trunks})

    def forward(self, modality: str, x: Tensor, trace: dict[str, Tensor] | None = None) -> Tensor:
        """Embed a batch: (n, ...) or clips (n, clips, ...) to (n, dim), scaled as released (not unit length).

        Clips are averaged after normalisation and scaling. A `trace` is filled with every activation
        (`trunk_in`, `block<i>` (n * clips, tokens, width), `head` (n * clips, dim)) at full cost.
        Raises InputError for a modality or shape that this model does not take.
        """
        clips = x.shape[1] if x.ndim >= 5 else None
        rows = x.flatten(0, 1) if clips is not None else x
        check_input(tuple(self.architecture.trunks), modality, x, rows, self.architecture.vocabulary)
        if modality == "text" and trace is None:
            # Attention is causal: what follows the last end of text cannot be seen by it.
            rows = rows[:, : int(rows.argmax(dim=1).max()) + 1]
        out = self.rows(modality, rows, trace)
        return out.unflatten(0, (-1, clips)).mean(dim=1) if clips is not None else out

    def logit_scale(self, modality: str) -> float:
        """What `forward` multiplies a modality's unit vectors by: 1 for vision."""
        if modality not in LOGIT_SCALES:
            return 1.0
        scale = cast(LogitScale, self.modality_postprocessors[modality].get_submodule("1"))
        return float(scale.factor().detach())

    def rows(self, modality: str, x: Tensor, trace: dict[str, Tensor] | None = None) -> Tensor:
        """`forward` without its checks, clips and shortcuts: tensor operations only, as exporters need."""
        tokens = self.modality_preprocessors[modality](x)
        features = self.modality_trunks[modality](tokens, trace)
        # The end-of-text token has the largest id.
        row = (
            x.argmax(dim=1)
            if modality == "text"
            else torch.zeros(x.shape[0], dtype=torch.long, device=x.device)
        )
        head = self.modality_heads[modality](features[torch.arange(x.shape[0], device=x.device), row])
        if trace is not None:
            trace |= {"trunk_in": tokens, "head": head}
        return self.modality_postprocessors[modality](F.normalize(head, dim=-1))


def check_input(loaded: tuple[str, ...], modality: str, x: Tensor, rows: Tensor, vocabulary: int) -> None:
    """Raise InputError when `x`, whose clips are the rows of `rows`, is nothing that `modality` takes."""
    if modality not in loaded:
        raise InputError(f"no {modality!r} trunk is loaded; loaded are {', '.join(loaded)}")
    if not len(rows) or not _fits(modality, tuple(rows.shape[1:])):
        raise InputError(f"{modality} input of shape {tuple(x.shape)}; give {_SHAPES[modality]}")
    top = vocabulary - 1
    if modality == "text" and (int(rows.min()) < 0 or int(rows.max()) > top):
        raise InputError(f"token ids {int(rows.min())} to {int(rows.max())}; this vocabulary has 0 to {top}")


def _fits(modality: str, shape: tuple[int, ...]) -> bool:
    if modality == "vision":
        side = shape[-1]
        return shape in ((3, side, side), (3, 2, side, side)) and side >= 14 and side % 14 == 0
    if modality == "audio":
        # Widths 196 to 205 all give the 19 columns that have positions.
        return shape[:2] == (1, 128) and len(shape) == 3 and 196 <= shape[2] <= 205
    return shape == {"text": (TEXT_LENGTH,), "imu": IMU_SHAPE}.get(modality, (1, IMAGE_SIDE, IMAGE_SIDE))
