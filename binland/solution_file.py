"""A solution of a machine as a safetensors file."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from binland.array_file import NUMPY, Arrays, described, restore, store
from binland.machines import CommitteeMachine, Machine, Perceptron
from binland.results import Replicas

FORMAT = "binland-solution-1"
MACHINES: dict[str, type[Machine]] = {"perceptron": Perceptron, "committee": CommitteeMachine}
OF_REPLICAS = {"weights": "I8", "errors": "F64", "history": "F64", "spread": "F64"}
TYPES = {"weights": "I8", "latents": "F32", "history": "F64"} | {
    f"replicas.{name}": kind for name, kind in OF_REPLICAS.items()
}


def write(path: Path, solution: Mapping[str, Any]) -> None:
    """Write the fields of a Solution to a new file.

    Raises InvalidInputError if the algorithm's settings are not plain numbers, texts, truth values or tuples of them,
    StoreError if the name is taken or the file cannot be written.
    """
    store(path, FORMAT, described(solution["machine"], MACHINES), solution["algorithm"], dict(_arrays(solution)))


def read(path: Path) -> dict[str, Any]:
    """The fields of a Solution, with a description of its algorithm (`array_file._origin`) instead of the algorithm.

    Raises StoreError on a file that is missing, of another kind or damaged, InvalidInputError if it does not fit into
    memory.
    """
    return restore(path, FORMAT, TYPES.get, _solution)


def _arrays(solution: Mapping[str, Any]) -> Iterator[tuple[str, NDArray[Any]]]:
    """Name and values of every array that the solution has."""
    replicas = solution["replicas"]
    kept = {name: solution[name] for name in ("weights", "latents", "history")}
    if replicas is not None:
        kept |= {f"replicas.{name}": getattr(replicas, name) for name in OF_REPLICAS}
    for name, values in kept.items():
        if values is not None:
            yield name, np.array(values, NUMPY[TYPES[name]], order="C")


def _solution(arrays: Arrays, machine: Any, algorithm: Any) -> dict[str, Any]:
    replicas = None
    if any(name.startswith("replicas.") for name in arrays):
        found: dict[str, Any] = {name: arrays.pop(f"replicas.{name}") for name in OF_REPLICAS}
        replicas = Replicas(**found)
    made = MACHINES[machine.pop("kind")](**machine)
    return {"machine": made, "replicas": replicas, "algorithm": algorithm, **arrays}
