"""What binding minimises: InfoNCE between paired rows, and the distance to a teacher's features."""

import torch
from torch import Tensor
from torch.nn import functional as F

# Girdhar et al., "ImageBind" (arXiv 2305.05665), its appendix: the temperatures that each modality was bound
# to images with; text kept the learnt 0.07 of CLIP.
TEMPERATURES = {"vision": 0.07, "text": 0.07, "audio": 0.05, "depth": 0.2, "thermal": 0.1, "imu": 0.2}


def info_nce(rows: Tensor, anchors: Tensor, temperature: float, same: Tensor | None = None) -> Tensor:
    """Symmetric InfoNCE of paired unit vectors (n, dim): row i belongs to anchor i, the others are negatives.

    `same` (n, n) bool marks pairs that are no negatives of each other (equal labels, or neighbours in time):
    they are left out of both denominators. Returns a scalar.
    """
    logits = rows @ anchors.T / temperature
    if same is not None:
        own = torch.eye(len(logits), dtype=torch.bool, device=logits.device)
        logits = logits.masked_fill(same & ~own, -torch.inf)
    target = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def prototype_nce(rows: Tensor, anchors: Tensor, target: Tensor, temperature: float) -> Tensor:
    """Cross-entropy of rows (n, dim) over a fixed set of anchors (k, dim), e.g. one a label.

    `target` is int64 (n,), the row's anchor, or float (n, k), its share of each (mixed or soft labels).
    """
    return F.cross_entropy(rows @ anchors.T / temperature, target)


def distance(rows: Tensor, teacher: Tensor) -> Tensor:
    """Distillation: 1 - cosine, averaged, of rows (n, dim) to a teacher's (n, dim)."""
    return 1 - F.cosine_similarity(rows, teacher, dim=1).mean()


def relations(rows: Tensor, teacher: Tensor) -> Tensor:
    """Distillation across spaces: mean squared difference of the cosines of every two rows (Park et al. 2019,
    "Relational knowledge distillation"). The dimensions of rows (n, dim) and teacher (n, t) may differ."""
    one, other = F.normalize(rows, dim=1), F.normalize(teacher, dim=1)
    return (one @ one.T - other @ other.T).square().mean()
