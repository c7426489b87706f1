"""Error counts along walks, on any device."""

import numpy as np
from numpy.typing import NDArray

from deepbridge.binary import counting
from deepbridge.binary.counting import Walk
from deepbridge.binary.networks import Network
from deepbridge.common.data import Dataset
from deepbridge.common.devices import Device, as_device


def error_counts(network: Network, data: Dataset, walk: Walk, device: Device = "cpu") -> NDArray[np.int64]:
    """(T,) int64 errors at every point of a walk, exact; data must fit the network."""
    place = as_device(device)
    if place.type == "cpu":
        return counting.error_counts(network, data, walk)
    from deepbridge.binary.batched import error_counts as on_device

    return on_device(network, data, walk, place)
