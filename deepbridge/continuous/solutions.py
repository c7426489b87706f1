"""Solutions: weights of a continuous network, and how they were made."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from binland.checks import checked_path
from binland.errors import InvalidInputError, shown
from binland.summary import TrainingSummary
from binland.sweep.contracts.algorithm import Algorithm
from deepbridge.common.devices import Device, as_device, seeded
from deepbridge.continuous.custom import Custom
from deepbridge.continuous.evaluation import Scores, States, on_device, outputs_of, restated, scores
from deepbridge.continuous.examples import Data, as_examples, as_inputs
from deepbridge.continuous.networks import Network, cast, check_network
from deepbridge.continuous.units import State, Symmetry, tensors

TYPES = (torch.float32, torch.float64)


@dataclass(frozen=True, eq=False)
class ContinuousSolution(TrainingSummary):
    """Real weights of a network, and how they were made.

    `fit` and `from_module` return it.

    Parameters
    ----------
    network : Network
        The architecture.
    state : dict of str to torch.Tensor
        Parameters and buffers by their names in ``state_dict``, float32 or float64; kept on the CPU without a copy, so
        do not change them afterwards.
    history : numpy.ndarray of shape (epochs,), optional
        Train error after each recorded epoch, NaN after the others.
    spread : float, optional
        For RSGD: root mean square distance of the replicas from their centre.
    algorithm : Algorithm, optional
        The settings that made it.

    Raises
    ------
    InvalidInputError
        If names, shapes or types are not the network's, or an entry is not finite.

    Examples
    --------
    >>> import deepbridge as db
    >>> network = db.MLP(10, (8,), 3)
    >>> db.ContinuousSolution(network, network.initial(seed=0)).flat.shape
    (115,)
    """

    network: Network
    state: State
    history: NDArray[np.float64] | None = None
    spread: float | None = None
    algorithm: Algorithm | None = None

    _shown = ("network", "algorithm", "dtype", "spread", "history")

    def __post_init__(self) -> None:
        check_network(self.network)
        object.__setattr__(self, "state", checked_state(self.network, self.state))

    @property
    def dtype(self) -> torch.dtype:
        """Type of the parameters, torch.float32 or torch.float64."""
        return self.state[self.network.parameters[0]].dtype

    @property
    def flat(self) -> NDArray[Any]:
        """All parameters in one array, (n_weights,), row-major; without the statistics of batch-norms."""
        return np.concatenate([self.state[name].numpy().reshape(-1) for name in self.network.parameters])

    def error_count(self, data: Data, device: Device = "cpu") -> int:
        """Number of patterns with a wrong prediction.

        Parameters
        ----------
        data : Dataset, Patterns or tuple
            Data, or any pair of arrays or tensors (inputs, labels).
        device : str or torch.device, default "cpu"
            Where it is computed.

        Returns
        -------
        int
            Number of errors, 0 to P.

        Raises
        ------
        InvalidInputError
            If the data do not fit.
        """
        return int(self._scores(data, device)[0].errors[0])

    def error(self, data: Data, device: Device = "cpu") -> float:
        """Fraction of patterns with a wrong prediction.

        Parameters
        ----------
        data : Dataset, Patterns or tuple
            Data, or any pair of arrays or tensors (inputs, labels).
        device : str or torch.device, default "cpu"
            Where it is computed.

        Returns
        -------
        float
            Error in [0, 1].

        Raises
        ------
        InvalidInputError
            If the data do not fit.
        """
        found, n_patterns = self._scores(data, device)
        return int(found.errors[0]) / n_patterns

    def loss(self, data: Data, device: Device = "cpu") -> float:
        """Mean cross-entropy.

        Parameters
        ----------
        data : Dataset, Patterns or tuple
            Data, or any pair of arrays or tensors (inputs, labels).
        device : str or torch.device, default "cpu"
            Where it is computed.

        Returns
        -------
        float
            Loss in nats.

        Raises
        ------
        InvalidInputError
            If the data do not fit.
        """
        return float(self._scores(data, device)[0].losses[0])

    def _scores(self, data: Data, device: Device) -> tuple[Scores, int]:
        """Errors and losses, and the number of patterns."""
        place = as_device(device)
        examples = as_examples(self.network, data).to(place, self.dtype)
        return scores(self.network, States([self.state]), examples, place), len(examples)

    def outputs(self, inputs: Any, device: Device = "cpu") -> NDArray[Any]:
        """Outputs of the network in evaluation mode.

        Parameters
        ----------
        inputs : array_like of shape (P, ...)
            Inputs; flattened ones are reshaped.
        device : str or torch.device, default "cpu"
            Where it is computed.

        Returns
        -------
        numpy.ndarray of shape (P, n_outputs)
            Logits.

        Raises
        ------
        InvalidInputError
            If the inputs do not fit.
        """
        place = as_device(device)
        found = as_inputs(self.network, inputs).to(place, self.dtype)
        return outputs_of(self.network, on_device(self.state, place), found).cpu().numpy()

    def with_statistics(self, data: Data, device: Device = "cpu") -> "ContinuousSolution":
        """The same weights with batch-norm statistics estimated on data; interpolated weights need them.

        Parameters
        ----------
        data : Dataset, Patterns or tuple
            Data, or any pair of arrays or tensors (inputs, labels).
        device : str or torch.device, default "cpu"
            Where it is computed.

        Returns
        -------
        ContinuousSolution
            Without history, spread and algorithm.

        Raises
        ------
        InvalidInputError
            If the data do not fit.
        """
        examples = as_examples(self.network, data).to(as_device(device), self.dtype)
        return self.at(restated(self.network, self.state, examples))

    def at(self, state: State) -> "ContinuousSolution":
        """Another point of the same weight space, which no algorithm has found.

        Parameters
        ----------
        state : dict of str to torch.Tensor
            Parameters and buffers by name.

        Returns
        -------
        ContinuousSolution
            Without history, spread and algorithm.
        """
        return ContinuousSolution(self.network, state)

    def moved(self, state: State) -> "ContinuousSolution":
        """The same solution after a symmetry of its network: history, spread and algorithm are kept.

        Parameters
        ----------
        state : dict of str to torch.Tensor
            Parameters and buffers by name.

        Returns
        -------
        ContinuousSolution
            The moved solution.
        """
        return replace(self, state=state)

    def to_module(self) -> nn.Module:
        """A torch module with these weights.

        Returns
        -------
        torch.nn.Module
            New, in evaluation mode.
        """
        with seeded(0):
            module = self.network.module().to(self.dtype)
        with torch.no_grad():
            for name, tensor in tensors(module):
                tensor.copy_(self.state[name])
        return module.eval()

    def save(self, path: str | Path) -> None:
        """Write everything to a new file, from which `load_solution` restores it bit for bit.

        The file is a safetensors file. It appears complete or not at all, and an existing file is never replaced. Of a
        module of your own it holds the tensors, not the code.

        Parameters
        ----------
        path : str or pathlib.Path
            Name of the new file.

        Raises
        ------
        StoreError
            If the name is taken or cannot be written.
        InvalidInputError
            If the algorithm has settings other than numbers, texts, truth values and tuples of them, or a buffer is of
            a type other than float32, float64 and int64.
        """
        from deepbridge.continuous.solution_file import write

        write(checked_path("path", path), self)

    def __repr__(self) -> str:
        return f"ContinuousSolution({self.network!r}, algorithm={shown(self.algorithm)})"


def from_module(module: nn.Module, example_input: Any, symmetry: Symmetry | None = None) -> ContinuousSolution:
    """The weights of a torch module of your own as a solution; the module is not changed.

    Chains of Linear, Conv, BatchNorm, ReLU, LeakyReLU, pools, Flatten and Dropout are understood by themselves. For
    other modules, such as residual networks, give the symmetry. It is tried on random weights: outputs must not change.

    Parameters
    ----------
    module : torch.nn.Module
        The module, with its weights.
    example_input : array_like of shape (P, ...)
        A few inputs, which show what the module takes.
    symmetry : Symmetry, optional
        Which axes of which tensors run over the same hidden units; found by itself for chains.

    Returns
    -------
    ContinuousSolution
        Its weights; ``.network`` is the architecture, for `fit` and `load_solution`.

    Raises
    ------
    InvalidInputError
        If a layer is not understood (its name is given), the symmetry changes the outputs, parameters are not finite,
        or outputs depend on chance or on the other inputs of a batch.

    Examples
    --------
    >>> import deepbridge as db, torch
    >>> from torch import nn
    >>> net = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    >>> db.from_module(net, torch.zeros(2, 4)).outputs([[1.0, 0.0, 0.0, 0.0]]).shape
    (1, 2)
    """
    network = Custom(module, example_input, symmetry)
    kinds = {tensor.dtype for _, tensor in module.named_parameters()}
    dtype = torch.float64 if torch.float64 in kinds else torch.float32
    found = {name: tensor.detach().cpu().clone() for name, tensor in tensors(module)}
    return ContinuousSolution(network, cast(found, dtype))


def checked_state(network: Network, state: Mapping[str, Tensor]) -> State:
    """The tensors of a network in its order; raises InvalidInputError unless they are that."""
    if not isinstance(state, Mapping) or set(state) != set(network.shapes):
        wrong = set(state) ^ set(network.shapes) if isinstance(state, Mapping) else shown(state)
        raise InvalidInputError(f"state does not name the tensors of {shown(network)}: {shown(wrong)}")
    types = {tensor.dtype for tensor in state.values() if isinstance(tensor, Tensor) and tensor.is_floating_point()}
    if not network.parameters:
        raise InvalidInputError(f"{shown(network)} has no parameters")
    if len(types) != 1 or not types <= {*TYPES}:
        raise InvalidInputError(f"state is of types {shown(types)}, not float32 or float64 throughout")
    checked = {}
    for name, shape in network.shapes.items():
        tensor = state[name]
        if not isinstance(tensor, Tensor) or tuple(tensor.shape) != shape:
            raise InvalidInputError(f"state: {name} is {shown(tensor)}, not a tensor of shape {shape}")
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise InvalidInputError(f"state: {name} has entries that are not finite")
        checked[name] = tensor.detach().cpu()
    return checked


def check_solution(solution: object) -> None:
    """Raise InvalidInputError unless it is a solution of a continuous network."""
    if not isinstance(solution, ContinuousSolution):
        raise InvalidInputError(f"{shown(solution)} given where a solution of a continuous network is needed")


def check_same(a: ContinuousSolution, b: ContinuousSolution) -> None:
    """Raise InvalidInputError unless they are solutions of one network, in one type."""
    check_solution(a)
    check_solution(b)
    if a.network != b.network:
        raise InvalidInputError(f"the solutions are of different networks: {shown(a.network)}, {shown(b.network)}")
    if a.dtype != b.dtype:
        raise InvalidInputError(f"one solution is {a.dtype}, the other {b.dtype}; take both in one type")
