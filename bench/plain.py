"""A plain ImageBind trunk, as written at first: eager float32, sequence first, every token to the end.

Written from the paper and the released checkpoint's shapes (Girdhar et al., arXiv 2305.05665). It borrows the
weights of a network, so that both must agree.
"""

import torch
from sixsense.encoders.architecture import Trunk
from sixsense.encoders.imagebind import ImageBind
from torch import Tensor, nn
from torch.nn import functional as F


class PlainMlp(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class PlainBlock(nn.Module):
    def __init__(self, trunk: Trunk, bias_kv: bool) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(trunk.width, trunk.heads, add_bias_kv=bias_kv)
        self.norm_1 = nn.LayerNorm(trunk.width, eps=1e-6)
        self.mlp = PlainMlp(trunk.width)
        self.norm_2 = nn.LayerNorm(trunk.width, eps=1e-6)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        y = self.norm_1(x)
        x = x + self.attn(y, y, y, need_weights=False, attn_mask=mask)[0]
        return x + self.mlp(self.norm_2(x))


class PlainTrunk(nn.Module):
    """One modality of `network`, sharing its weights; inputs as `ImageBind.forward`, without clips."""

    def __init__(self, network: ImageBind, modality: str) -> None:
        super().__init__()
        trunk = network.architecture.trunks[modality]
        self.modality, self.width = modality, trunk.width
        state = network.state_dict()
        self.weights = {key.split(f".{modality}.", 1)[1]: value for key, value in state.items()}
        with torch.device("meta"):
            bias_kv = modality not in ("vision", "text")
            self.blocks = nn.ModuleList(PlainBlock(trunk, bias_kv) for _ in range(trunk.blocks))
        blocks = {key: value for key, value in self.weights.items() if key.startswith("blocks.")}
        self.load_state_dict(blocks, assign=True)
        self.requires_grad_(False).eval()

    def forward(self, x: Tensor) -> Tensor:
        """Unit vectors (n, dim)."""
        w = self.weights
        tokens = self._tokens(x)
        if self.modality == "vision":
            norm = "pre_transformer_layer.0"
            tokens = F.layer_norm(tokens, (self.width,), w[f"{norm}.weight"], w[f"{norm}.bias"], 1e-6)
        y = tokens.transpose(0, 1)
        for block in self.blocks:
            y = block(y, w["mask"] if self.modality == "text" else None)
        y = y.transpose(0, 1)
        row = x.argmax(dim=1) if self.modality == "text" else torch.zeros(len(x), dtype=torch.long)
        return F.normalize(self._head(y[torch.arange(len(x)), row]), dim=-1)

    def _tokens(self, x: Tensor) -> Tensor:
        w = self.weights
        if self.modality == "text":
            return F.embedding(x, w["token_embedding.weight"]) + w["pos_embed"]
        tokens = torch.cat([w["cls_token"].expand(len(x), 1, -1), self._patches(x)], dim=1)
        return tokens + w["pos_embed" if self.modality == "imu" else "pos_embedding_helper.pos_embed"]

    def _patches(self, x: Tensor) -> Tensor:
        w = self.weights
        if self.modality == "vision":
            twice, kernel = x[:, :, None].expand(-1, -1, 2, -1, -1), w["rgbt_stem.proj.1.weight"]
            return F.conv3d(twice, kernel, stride=(2, 14, 14)).flatten(2).transpose(1, 2)
        stem = {"depth": "depth_stem", "imu": "imu_stem"}.get(self.modality, "rgbt_stem")
        weight = w[f"{stem}.proj.weight"]
        if self.modality == "imu":
            patches = F.linear(x.unfold(2, 8, 8).transpose(1, 2).flatten(2), weight)
        else:
            stride = 10 if self.modality == "audio" else 16
            patches = F.conv2d(x, weight, stride=stride).flatten(2).transpose(1, 2)
        scale, shift = (w[f"{stem}.norm_layer.{part}"] for part in ("weight", "bias"))
        return F.layer_norm(patches, (self.width,), scale, shift)

    def _head(self, x: Tensor) -> Tensor:
        w, prefix = self.weights, "proj." if self.modality == "text" else ""
        last = {"text": "1", "imu": "3"}.get(self.modality, "2")
        x = F.layer_norm(x, (self.width,), w[f"{prefix}0.weight"], w[f"{prefix}0.bias"], 1e-6)
        return F.linear(x, w[f"{prefix}{last}.weight"])
