"""Errors along walks on any device."""

import numpy as np
from numpy.typing import NDArray

from deepbridge import counting
from deepbridge.counting import Walk
from deepbridge.data import Dataset
from deepbridge.devices import Device, as_device
from deepbridge.networks import Network


def error_counts(network: Network, data: Dataset, walk: Walk, device: Device = "cpu") -> NDArray[np.int64]:
    """(T,) int64 errors at every point of a walk, exact; data must fit the network."""
    place = as_device(device)
    if place.type == "cpu":
        return counting.error_counts(network, data, walk)
    from deepbridge.batched import error_counts as on_device

    return on_device(network, data, walk, place)
