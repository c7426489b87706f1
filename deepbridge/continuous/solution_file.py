"""A solution of a continuous network as a safetensors file: its tensors, and network and algorithm as texts."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open

import deepbridge.continuous.algorithms  # noqa: F401  so that the built-in ones are known
from binland.array_file import NUMPY, Arrays, described, restore, store
from binland.errors import InvalidInputError, StoreError, shown
from binland.loading import loaded
from deepbridge.continuous.custom import Custom
from deepbridge.continuous.networks import MLP, VGG16, LeNet, Network, check_network
from deepbridge.continuous.resnet import ResNet20
from deepbridge.continuous.solutions import ContinuousSolution

FORMAT = "deepbridge-continuous-1"
NETWORKS: dict[str, type[Network]] = {"mlp": MLP, "lenet": LeNet, "vgg16": VGG16, "resnet20": ResNet20}
TYPES = {"float32": "F32", "float64": "F64", "int64": "I64"}  # of tensors: "float32.0.weight" is the name of one
OF_RUNS = ("history", "spread")


def write(path: Path, solution: ContinuousSolution) -> None:
    """Write a solution to a new file.

    Raises InvalidInputError if the settings of its algorithm are not plain or a buffer has an unusual type, StoreError
    if the file cannot be written or its name is taken.
    """
    network = solution.network
    custom = {"kind": "custom", "module": repr(network.template)}
    model = custom if isinstance(network, Custom) else described(network, NETWORKS)
    arrays: Arrays = {}
    for name, tensor in solution.state.items():
        kind = str(tensor.dtype).removeprefix("torch.")
        if kind not in TYPES:
            raise InvalidInputError(f"{name} is {kind}, of which no file is made; make it float32, float64 or int64")
        arrays[f"{kind}.{name}"] = np.array(tensor.numpy(), NUMPY[TYPES[kind]], order="C")
    for name in OF_RUNS:
        if getattr(solution, name) is not None:
            arrays[name] = np.array(getattr(solution, name), "<f8")
    store(path, FORMAT, model, solution.algorithm, arrays)


def load_solution(path: str | Path, network: Network | None = None, behind: int = 1) -> ContinuousSolution:
    """Read a solution from the file that `ContinuousSolution.save` wrote, bit for bit; see `deepbridge.load_solution`.

    network: needed for a module of your own, whose code no file holds. behind: number of calls between the user's and
    this one, so that a warning points at the user's line. Raises StoreError on a file that is missing, of another kind
    or network, or damaged, InvalidInputError where the network is needed and not given.
    """
    if network is not None:
        check_network(network)

    def read(path: Path) -> dict[str, Any]:
        return restore(path, FORMAT, _type_of, lambda *content: _solution(path, network, *content))

    found: dict[str, Any] = loaded(path, read, dict, behind)
    if found["network"] is None:
        raise InvalidInputError(f"{path}: holds a network of a module of its own; give network=, see db.from_module")
    return ContinuousSolution(**found)


def _type_of(name: str) -> str | None:
    return "F64" if name in OF_RUNS else TYPES.get(name.partition(".")[0])


def _solution(path: Path, given: Network | None, arrays: Arrays, model: Any, algorithm: Any) -> dict[str, Any]:
    """Fields of a solution; network is None if it is needed and was not given."""
    kind = model.pop("kind")
    if kind == "custom":
        network, same = given, given is None or model["module"] == repr(given.template)
        what = model["module"]
    else:
        network = NETWORKS[kind](**{name: tuple(v) if isinstance(v, list) else v for name, v in model.items()})
        same, what = given in (None, network), network
    if not same:
        raise StoreError(f"{path}: is a solution of another network, {shown(what)}; give that one")
    history, spread = (arrays.pop(name, None) for name in OF_RUNS)
    tensors = {name.partition(".")[2]: torch.from_numpy(array.copy()) for name, array in arrays.items()}
    if len(tensors) < len(arrays):
        raise ValueError("it holds one tensor in two types")
    if network is not None:
        ContinuousSolution(network, tensors)  # its exceptions mean that the file is damaged
    return {
        "network": network,
        "state": tensors,
        "history": history,
        "spread": None if spread is None else float(spread),
        "algorithm": algorithm,
    }


def is_continuous(path: Path) -> bool:
    """Whether a file says that it holds a continuous network; False if it cannot be read."""
    try:
        with safe_open(path, "numpy") as file:
            return (file.metadata() or {}).get("format") == FORMAT
    except Exception:  # the reader called next says what is wrong
        return False
