"""A solution of a binary network as a safetensors file, with an array for every layer."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from binland.array_file import NUMPY, Arrays, described, restore, store
from binland.errors import shown
from binland.results import Replicas
from binland.solution_file import OF_REPLICAS
from deepbridge.binary.networks import BinaryConvNet, BinaryMLP, Network

FORMAT = "deepbridge-solution-1"
NETWORKS: dict[str, type[Network]] = {"mlp": BinaryMLP, "convnet": BinaryConvNet}
OF_LAYERS = {
    "weights": "I8",
    "latents": "F32",
    "ties": "I8",
    "replicas.weights": "I8",
}  # and the layer's number
OF_RUNS = {"history": "F64"} | {f"replicas.{name}": kind for name, kind in OF_REPLICAS.items() if name != "weights"}


def write(path: Path, solution: Mapping[str, Any]) -> None:
    """Write the fields of a Solution to a new file.

    Raises InvalidInputError if the algorithm's settings are not plain numbers, texts, truth values or tuples of them,
    StoreError if the name is taken or the file cannot be written.
    """
    store(path, FORMAT, described(solution["network"], NETWORKS), solution["algorithm"], dict(_arrays(solution)))


def read(path: Path) -> dict[str, Any]:
    """The fields of a Solution, with a description of its algorithm (class, module and settings, or None) in its place.

    Raises StoreError on a file that is missing, of another kind or damaged, InvalidInputError if it does not fit into
    memory.
    """
    return restore(path, FORMAT, _type_of, _solution)


def _arrays(solution: Mapping[str, Any]) -> Iterator[tuple[str, NDArray[Any]]]:
    """Name and values of every array that the solution has."""
    kept = {name: solution[name] for name in ("weights", "latents", "ties", "history")}
    if solution["replicas"] is not None:
        kept |= {f"replicas.{name}": getattr(solution["replicas"], name) for name in OF_REPLICAS}
    for name, values in kept.items():
        if values is None:
            continue
        if name in OF_RUNS:
            yield name, np.array(values, NUMPY[OF_RUNS[name]], order="C")
            continue
        for k, layer in enumerate(values):
            yield f"{name}.{k}", np.array(layer, NUMPY[OF_LAYERS[name]], order="C")


def _type_of(name: str) -> str | None:
    layers, _, number = name.rpartition(".")
    return OF_LAYERS.get(layers) if number.isdecimal() else OF_RUNS.get(name)


def _solution(arrays: Arrays, network: Any, algorithm: Any) -> dict[str, Any]:
    made = NETWORKS[network.pop("kind")](**network)
    free, hidden = len(made.free_layers), len(made.hidden_layers)
    found = {
        "network": made,
        "weights": _layers(arrays, "weights", free),
        "latents": _layers(arrays, "latents", free) if "latents.0" in arrays else None,
        "ties": _layers(arrays, "ties", hidden),
        "history": arrays.pop("history", None),
        "replicas": _replicas(arrays, free) if "replicas.errors" in arrays else None,
        "algorithm": algorithm,
    }
    if arrays:
        raise ValueError(f"it holds {shown(sorted(arrays))} besides")
    return found


def _replicas(arrays: Arrays, free: int) -> Replicas[tuple[NDArray[np.int8], ...]]:
    errors, history, spread = (arrays.pop(f"replicas.{name}") for name in ("errors", "history", "spread"))
    return Replicas(_layers(arrays, "replicas.weights", free), errors, history, float(spread))


def _layers(arrays: Arrays, name: str, count: int) -> tuple[NDArray[Any], ...]:
    """The arrays of all layers; raises KeyError if one is missing."""
    return tuple(arrays.pop(f"{name}.{k}") for k in range(count))
