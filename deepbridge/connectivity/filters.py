"""Filter normalisation (Li et al. 2018): directions in which every filter is as long as that of the solution."""

import torch
from torch import Tensor

from binland.errors import InvalidInputError
from deepbridge.connectivity.landscape import Landscape


def filter_scaled(landscape: Landscape, directions: Tensor, point: Tensor) -> Tensor:
    """Directions (K, n) with every filter at the norm of the point's; entries without a filter become 0."""
    return scaled_to(point, directions, landscape.filters)


def scaled_to(point: Tensor, directions: Tensor, groups: Tensor) -> Tensor:
    """Directions (K, n) with every group of entries at the norm of the point's; those of group -1 become 0."""
    own, others = norms(groups, point[None]), norms(groups, directions)
    factors = torch.where(others > 0, own / others.clamp_min(torch.finfo(others.dtype).tiny), 0.0)
    return directions * _of_entries(groups, factors).to(directions)


def filter_norms(landscape: Landscape, rows: Tensor) -> Tensor:
    """Norms (K, F) of the filters of points or directions (K, n), float64."""
    return norms(landscape.filters, rows)


def norms(groups: Tensor, rows: Tensor) -> Tensor:
    """Norms (K, G) of groups of entries of rows (K, n), float64; groups: (n,) numbers, -1 for none."""
    groups = groups.to(rows.device)
    inside = groups >= 0
    if not inside.any():
        raise InvalidInputError("the landscape has no filters, by which directions could be normalised")
    squares = rows.new_zeros(len(rows), int(groups.max()) + 1, dtype=torch.float64)
    squares.index_add_(1, groups[inside], rows[:, inside].double().square())
    return squares.sqrt()


def of_entries(landscape: Landscape, numbers: Tensor) -> Tensor:
    """Numbers (K, F) of filters as numbers (K, n) of their entries, 0 for entries without a filter."""
    return _of_entries(landscape.filters, numbers)


def _of_entries(groups: Tensor, numbers: Tensor) -> Tensor:
    groups = groups.to(numbers.device)
    return torch.where(groups >= 0, numbers[:, groups.clamp_min(0)], 0.0)
