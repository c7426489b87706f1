"""Filter normalisation (Li et al. 2018): directions in which every filter is as long as that of the solution."""

import torch
from torch import Tensor

from binland.errors import InvalidInputError
from deepbridge.connectivity.landscape import Landscape


def filter_scaled(landscape: Landscape, directions: Tensor, point: Tensor) -> Tensor:
    """Directions (K, n) with every filter at the norm of the point's; entries without a filter become 0."""
    own, others = filter_norms(landscape, point[None]), filter_norms(landscape, directions)
    factors = torch.where(others > 0, own / others.clamp_min(torch.finfo(others.dtype).tiny), 0.0)
    return directions * of_entries(landscape, factors).to(directions)


def filter_norms(landscape: Landscape, rows: Tensor) -> Tensor:
    """Norms (K, F) of the filters of points or directions (K, n), float64."""
    filters = landscape.filters.to(rows.device)
    inside = filters >= 0
    if not inside.any():
        raise InvalidInputError("the landscape has no filters, by which directions could be normalised")
    squares = rows.new_zeros(len(rows), int(filters.max()) + 1, dtype=torch.float64)
    squares.index_add_(1, filters[inside], rows[:, inside].double().square())
    return squares.sqrt()


def of_entries(landscape: Landscape, numbers: Tensor) -> Tensor:
    """Numbers (K, F) of filters as numbers (K, n) of their entries, 0 for entries without a filter."""
    filters = landscape.filters.to(numbers.device)
    return torch.where(filters >= 0, numbers[:, filters.clamp_min(0)], 0.0)
