"""What families of torch networks share in sweeps: library, number of threads, stamp."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, TypeVar

import numpy as np
from pydantic import Field

from binland.errors import InvalidInputError
from binland.extras import installing
from binland.interrupts import deferred
from binland.sweep.contracts.family import Family
from binland.sweep.contracts.problem import Inputs
from binland.sweep.contracts.section import ModelSection, Section
from deepbridge.common.data import Dataset
from deepbridge.common.stamp import stamp

M = TypeVar("M", bound=ModelSection)


class OnDevice(Section):
    """Settings of [compute]: the device on which training and errors are computed."""

    device: str = Field("cpu", pattern=r"^(cpu|cuda(:\d+)?)$", description='"cpu", "cuda", or "cuda:1" and so on')


class TorchFamily(Family[M]):
    """Base of families whose networks run on torch, which is imported only when something is computed."""

    problem = "images"
    libraries = ("torch",)

    def data(self, patterns: Any, inputs: Inputs) -> Dataset:
        """A problem's patterns as a Dataset: images as they are, signs as integers, other numbers on a grid."""
        if isinstance(patterns, Dataset):
            return patterns
        if inputs.values == "signs":
            return Dataset(np.asarray(patterns.inputs, np.int16), np.asarray(patterns.labels), inputs.n_classes)
        return Dataset.from_real(patterns.inputs, patterns.labels, inputs.n_classes)

    def check_ready(self, settings: M, compute: Any) -> None:
        """Raise at once if torch or the device is missing."""
        try:
            with deferred():
                import_module("torch")
        except ImportError:
            raise InvalidInputError(f"deep networks need torch: {installing('deep')}") from None
        import_module("deepbridge.common.devices").as_device(compute.device)

    @contextmanager
    def one_thread(self) -> Iterator[None]:
        """Context with one thread, for torch too, whose MKL general limits do not reach."""
        import torch

        before = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            with super().one_thread():
                yield
        finally:
            torch.set_num_threads(before)

    def stamp(self) -> str:
        """Hash of this package's sources, and the version of torch."""
        return stamp()
