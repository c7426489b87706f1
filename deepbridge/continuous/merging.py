"""`merge` of continuous networks: alignment, mean, correction of activations (Ainsworth et al.; Jordan et al.)."""

from collections.abc import Sequence
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call

from binland.checks import one_of
from binland.errors import InvalidInputError
from binland.rng import Seed
from deepbridge.common.devices import Device, as_device, full_precision
from deepbridge.continuous.alignment import METHODS, Method, align_many, checked_solutions, deviation, mean_of, samples
from deepbridge.continuous.evaluation import on_device
from deepbridge.continuous.examples import Data, Examples, as_examples
from deepbridge.continuous.geodesics import Kind, spheres, vectors, write
from deepbridge.continuous.networks import Network
from deepbridge.continuous.normalisation import normalize
from deepbridge.continuous.solutions import ContinuousSolution
from deepbridge.continuous.units import State, owner

Correction = Literal["statistics", "repair"]
PATTERNS = 256  # whose pre-activations are looked at together


def merge(
    solutions: Sequence[ContinuousSolution],
    align: Method | None = "coordinate",
    kind: Kind = "linear",
    data: Data | None = None,
    correct: Correction | None = None,
    *,
    seed: Seed = 0,
    device: Device = "cpu",
) -> ContinuousSolution:
    """One continuous network from several: their mean after alignment to a common centre.

    Parameters
    ----------
    solutions : list or tuple of ContinuousSolution
        At least two, of the same network.
    align : {"coordinate", "greedy", "activations"} or None, default "coordinate"
        Method of `align_many`; None if they are aligned already.
    kind : {"linear", "geodesic"}, default "linear"
        "linear": the mean of all tensors as they are. "geodesic": of the normalised networks, every unit's mean scaled
        back to its sphere; for two networks the middle of the geodesic.
    data : Dataset, Patterns or tuple, optional
        Needed by align="activations" and by corrections.
    correct : {"statistics", "repair"}, optional
        "statistics": batch-norm statistics are estimated on `data`; also the default if there are batch-norms and data.
        "repair", for networks without batch-norm: pre-activations of each hidden unit get the mean of the parents'
        means and standard deviations on `data`.
    seed : int, SeedSequence or Generator, default 0
        Fixes random starts and orders of the alignment.
    device : str or torch.device, default "cpu"
        Where activations are computed.

    Returns
    -------
    ContinuousSolution
        The merged network.

    Raises
    ------
    InvalidInputError
        If there are fewer than two solutions, their networks differ, an option is unknown, data are missing, or
        "repair" is asked of a network with batch-norm or layers without bias.

    References
    ----------
    Ainsworth et al., Git Re-Basin, ICLR 2023. Jordan et al., REPAIR, ICLR 2023.
    """
    chosen = checked_solutions(solutions, 2)
    one_of("kind", kind, ("linear", "geodesic"))
    if align is not None:
        one_of("align", align, METHODS)
    if correct is not None:
        one_of("correct", correct, ("statistics", "repair"))
    if data is None and (correct is not None or align == "activations"):
        raise InvalidInputError(f"align={align!r}, correct={correct!r} look at data; give data=")
    if kind == "geodesic":
        chosen = [normalize(one) for one in chosen]
    if align is not None:
        chosen = [one.solution for one in align_many(chosen, None, align, data, seed=seed, device=device)]
    merged = mean_of(chosen)
    if kind == "geodesic":
        merged = _on_spheres(merged, chosen[0])
    if data is None or (correct is None and not merged.network.has_batch_norm):
        return merged
    if correct != "repair":
        return merged.with_statistics(data, device)
    place = as_device(device)
    return repaired(merged, chosen, as_examples(merged.network, data).to(place, merged.dtype), place)


def _on_spheres(merged: ContinuousSolution, like: ContinuousSolution) -> ContinuousSolution:
    """Scale the rows of each sphere to the parents' norm; rows that cancel stay zero."""
    state = dict(merged.state)
    for sphere in spheres(merged.network):
        rows, wanted = (vectors(sphere, one).double() for one in (state, like.state))
        norms = rows.norm(dim=1)
        factors = torch.where(norms > 0, wanted.norm(dim=1) / norms.clamp(min=1e-300), torch.ones_like(norms))
        write(sphere, state, rows * factors[:, None])
    return merged.at(state)


def repaired(
    merged: ContinuousSolution, parents: Sequence[ContinuousSolution], examples: Examples, device: torch.device
) -> ContinuousSolution:
    """The merged network with the parents' mean and deviation of pre-activations (REPAIR, Jordan et al. 2022).

    Layer by layer from the input, since a correction changes what the next layer reads. Raises InvalidInputError on
    batch-norms, for which statistics do the same, and on layers without bias.
    """
    network = merged.network
    layers = [owner(weight) for name in network.units.names for weight in network.units.writers[name]]
    if network.has_batch_norm or any(f"{layer}.bias" not in network.shapes for layer in layers):
        raise InvalidInputError('correct="repair" is for layers with bias and without batch-norm; say "statistics"')
    state = on_device(merged.state, device)
    with torch.no_grad(), full_precision():
        known = [moments(network, on_device(one.state, device), examples, layers) for one in parents]
        for layer in layers:
            mean, deviation = moments(network, state, examples, [layer])[layer]
            wanted = [sum(one[layer][k] for one in known) / len(known) for k in (0, 1)]
            factor = torch.where(deviation > 0, wanted[1] / deviation.clamp(min=1e-300), torch.ones_like(deviation))
            weight, bias = f"{layer}.weight", f"{layer}.bias"
            shape = (-1, *[1] * (state[weight].ndim - 1))
            new = (state[bias].double() - mean) * factor + wanted[0]
            state[weight] = (state[weight].double() * factor.reshape(shape)).to(merged.dtype)
            state[bias] = new.to(merged.dtype)
    return merged.at({name: tensor.cpu() for name, tensor in state.items()})


def moments(
    network: Network, state: State, examples: Examples, layers: Sequence[str]
) -> dict[str, tuple[Tensor, Tensor]]:
    """Means and standard deviations (H,) float64 of the outputs of layers on data; positions count like patterns."""
    sums: dict[str, list[Tensor]] = {}
    module = network.copied().to(examples.inputs.device)
    for layer in layers:
        size = network.shapes[f"{layer}.weight"][0]
        module.get_submodule(layer).register_forward_hook(partial(_add, sums, layer, size))
    for inputs in examples.inputs.split(PATTERNS):
        functional_call(module, state, (inputs,))
    found = {}
    for layer, (count, total, square) in sums.items():
        mean = total / count
        found[layer] = mean, deviation(mean, square / count)
    return found


def _add(sums: dict[str, list[Tensor]], name: str, size: int, layer: nn.Module, inputs: object, output: Tensor) -> None:
    rows = samples(layer, output, size)
    new = [torch.tensor(float(len(rows)), device=rows.device), rows.sum(0), rows.square().sum(0)]
    sums[name] = [a + b for a, b in zip(sums[name], new, strict=True)] if name in sums else new
