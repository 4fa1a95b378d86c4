"""Holes of pictures take the nearest valid value: tensor operations alone, for a batch on any device."""

import torch
from torch import Tensor
from torch.nn import functional as F


def fill_nearest(pictures: Tensor) -> Tensor:
    """float32 (n, h, w), NaN where invalid and somewhere not, to the same without NaN.

    Within columns the nearest is found exactly, along rows by jump flooding (Rong and Tan 2006): now and
    then a pixel takes one that is a little farther than the nearest.
    """
    row, height2 = _nearest_in_column(pictures)
    column = _nearest_along_row(height2)
    at = row.gather(2, column) * pictures.shape[2] + column
    return pictures.flatten(1).gather(1, at.flatten(1)).view_as(pictures)


def _nearest_in_column(pictures: Tensor) -> tuple[Tensor, Tensor]:
    """The row of the nearest valid pixel of the same column, int64 (n, h, w), and its squared distance,
    infinite where a column has none."""
    rows = torch.arange(pictures.shape[1], device=pictures.device, dtype=torch.float32)[:, None]
    invalid = pictures.isnan()
    above = rows.masked_fill(invalid, -torch.inf).cummax(dim=1).values
    below = rows.neg().masked_fill(invalid, -torch.inf).flip(1).cummax(dim=1).values.flip(1).neg()
    nearest = torch.where(rows - above <= below - rows, above, below)
    return nearest.nan_to_num(0, 0, 0).long(), (nearest - rows).square()


def _nearest_along_row(height2: Tensor) -> Tensor:
    """For each pixel the column x' whose (x - x')^2 + height2[x'] is least, int64 (n, h, w)."""
    width = height2.shape[2]
    x = torch.arange(width, device=height2.device, dtype=torch.float32)
    column, its_height2, least = x.expand_as(height2), height2, height2
    step = 1 << max(0, (width - 1).bit_length() - 1)
    while step:
        # Both neighbours come from before the step, so that left and right are alike.
        columns = F.pad(column, (step, step))
        heights2 = F.pad(its_height2, (step, step), value=torch.inf)
        for start in (0, 2 * step):
            other, its = columns[..., start : start + width], heights2[..., start : start + width]
            cost = (x - other).square() + its
            nearer = cost < least
            least = torch.where(nearer, cost, least)
            column = torch.where(nearer, other, column)
            its_height2 = torch.where(nearer, its, its_height2)
        step //= 2
    return column.long()
