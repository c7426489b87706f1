"""Small continuous networks with weights, statistics and data that no symmetry makes special."""

import copy
import itertools
from functools import lru_cache

import numpy as np
import torch
from torch import nn

import deepbridge as db
from deepbridge.continuous.solutions import ContinuousSolution

NETWORKS = {
    "mlp": db.MLP(7, (5, 4), 3),
    "binary": db.MLP(6, (4, 3), 1),
    "lenet": db.LeNet((2, 14, 14), (3, 4), (6,), 4, filter_size=3),
    "vgg16": db.VGG16(2, (3, 8, 8), 4),
    "resnet20": db.ResNet20(2, (3, 8, 8), 4),
}
CHAINS = ["mlp", "binary", "lenet", "vgg16"]
EVERY = list(NETWORKS)


def random_state(module, shape, seed, dtype=torch.float64):
    """Weights of about unit gain; gamma and beta with noise, statistics not far from those of normal inputs."""
    rng = torch.Generator().manual_seed(seed)
    module = copy.deepcopy(module).double()
    with torch.no_grad():
        for name, tensor in module.named_parameters():
            noise = torch.randn(tensor.shape, generator=rng, dtype=torch.float64)
            scale = (2 / tensor[0].numel()) ** 0.5 if tensor.ndim > 1 else 0.3
            tensor.copy_(noise * scale + (1.0 if tensor.ndim == 1 and name.endswith("weight") else 0.0))
        for one in module.modules():
            if isinstance(one, nn.BatchNorm1d | nn.BatchNorm2d):
                one.momentum = 1.0
        module.train()(torch.randn(20, *shape, generator=rng, dtype=torch.float64))
        for tensor in module.buffers():
            if tensor.is_floating_point():
                tensor *= 0.7 + 0.6 * torch.rand(tensor.shape, generator=rng, dtype=torch.float64)
    return {n: t.to(dtype) if t.is_floating_point() else t for n, t in module.state_dict().items()}


@lru_cache(200)
def solution(network, seed, dtype=torch.float64):
    """network: one, or its name here; not to be changed."""
    network = NETWORKS.get(network, network) if isinstance(network, str) else network
    return ContinuousSolution(network, random_state(_module(network), network.input_shape, seed, dtype))


@lru_cache
def _module(network):
    return network.module().double()


def near(one, seed, size):
    """Another solution, whose weights are those of one with noise."""
    rng = torch.Generator().manual_seed(seed)
    moved = {}
    for name, tensor in one.state.items():
        noise = torch.randn(tensor.shape, generator=rng, dtype=torch.float64)
        real = tensor.is_floating_point() and not name.endswith("running_var")
        moved[name] = (tensor + size * noise).to(tensor.dtype) if real else tensor
    return one.at(moved)


def data(network, seed=0, n_patterns=10):
    """Normal inputs and random classes, as a pair of arrays."""
    network = NETWORKS.get(network, network) if isinstance(network, str) else network
    rng = np.random.default_rng(seed)
    inputs = rng.standard_normal((n_patterns, *network.input_shape))
    return inputs, rng.integers(max(2, network.n_outputs), size=n_patterns)


def blobs(n_inputs=8, n_classes=3, n_patterns=90, seed=0):
    """A task that small networks learn: a cluster for each class."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((n_classes, n_inputs)) * 1.5
    classes = rng.integers(n_classes, size=n_patterns)
    return (centres[classes] + rng.standard_normal((n_patterns, n_inputs)) * 0.5).astype(np.float32), classes


def outputs(network, state, inputs, training=False):
    """What a module gives that gets its weights in the plain way."""
    dtype = next(iter(state.values())).dtype
    module = copy.deepcopy(_module(network)).to(dtype)
    module.load_state_dict(state)
    with torch.no_grad():
        return module.train(training)(torch.as_tensor(inputs).to(dtype))


def mlp_layers(one):
    """[(W, b), ...] of a perceptron, as NumPy arrays."""
    names = [name.removesuffix(".weight") for name in one.state if name.endswith(".weight")]
    return [(one.state[f"{n}.weight"].numpy(), one.state[f"{n}.bias"].numpy()) for n in names]


def close(a, b, tolerance):
    """Whether two tensors are equal, relative to the largest entry."""
    a, b = torch.as_tensor(a), torch.as_tensor(b)
    return float((a - b).abs().max()) <= tolerance * max(1.0, float(b.abs().max()))


def layers(network):
    """Of a chain: names of its layers, each with the batch-norm behind it or None."""
    found = []
    for name, module in _module(network).named_children():
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            found.append([name, None])
        elif isinstance(module, nn.BatchNorm2d):
            found[-1][1] = name
    return found


# Symmetries by hand, on dicts of tensors


def _along(factors, tensor, axis):
    shape = [1] * tensor.ndim
    shape[axis] = -1
    return factors.repeat_interleave(tensor.shape[axis] // len(factors)).reshape(shape)


def scaled(state, factors, grows=(), shrinks=()):
    """Rows of some tensors times factors, columns of others divided; each unit has a block of columns."""
    made = dict(state)
    for name in grows:
        made[name] = made[name] * _along(factors, made[name], 0)
    for name in shrinks:
        made[name] = made[name] / _along(factors, made[name], 1)
    return made


def absorbed(state, factors, layer, norm, epsilon=1e-5):
    """A layer times factors, undone by the statistics of the batch-norm behind it."""
    made = scaled(state, factors, [name for name in (f"{layer}.weight", f"{layer}.bias") if name in state])
    made[f"{norm}.running_mean"] = state[f"{norm}.running_mean"] * factors
    made[f"{norm}.running_var"] = (state[f"{norm}.running_var"] + epsilon) * factors**2 - epsilon
    return made


def shuffled(state, order, rows=(), columns=()):
    """Units of some tensors' rows and of others' columns in another order."""
    made = dict(state)
    for axis, names in ((0, rows), (1, columns)):
        for name in names:
            parts = made[name].split(made[name].shape[axis] // len(order), dim=axis)
            made[name] = torch.cat([parts[k] for k in order], dim=axis)
    return made


def of_norm(norm):
    """Tensors of a batch-norm that run over its units."""
    return [f"{norm}.{name}" for name in ("weight", "bias", "running_mean", "running_var")]


def groups(name):
    """For each kind of units: (rows, columns) tensors that know them, what sets their scale, and absorbed layers.

    (rows, columns, grows, [(layer, norm), ...]).
    """
    network = NETWORKS[name]
    if name == "resnet20":
        return _of_resnet()
    found = []
    chain = layers(network)
    for (layer, norm), (after, _) in itertools.pairwise(chain):
        own = [f"{layer}.weight", f"{layer}.bias"]
        scale = own if norm is None else [f"{norm}.weight", f"{norm}.bias"]
        rows = own + ([] if norm is None else of_norm(norm))
        found.append((rows, [f"{after}.weight"], scale, [] if norm is None else [(layer, norm)]))
    return found


def _of_resnet():
    found = []
    for stage in range(3):
        pairs = [("conv", "norm")] if stage == 0 else [(f"stages.{stage}.0.shortcut.0", f"stages.{stage}.0.shortcut.1")]
        pairs += [(f"stages.{stage}.{block}.conv2", f"stages.{stage}.{block}.norm2") for block in range(3)]
        readers = [f"stages.{stage}.{block}.conv1.weight" for block in range(stage > 0, 3)]
        if stage < 2:
            readers += [f"stages.{stage + 1}.0.conv1.weight", f"stages.{stage + 1}.0.shortcut.0.weight"]
        else:
            readers.append("linear.weight")
        found.append((*_stream(pairs), readers, pairs))
        for block in range(3):
            place = f"stages.{stage}.{block}"
            inner = [(f"{place}.conv1", f"{place}.norm1")]
            found.append((*_stream(inner), [f"{place}.conv2.weight"], inner))
    return [(rows, readers, scale, pairs) for rows, scale, readers, pairs in found]


def _stream(pairs):
    rows = [tensor for layer, norm in pairs for tensor in (f"{layer}.weight", *of_norm(norm))]
    return rows, [f"{norm}.{tensor}" for _, norm in pairs for tensor in ("weight", "bias")]


def size_of(state, group):
    """Number of units."""
    return len(state[group[0][0]])


def disguised(name, one, seed, low=0.25, high=4.0):
    """The same function with other weights: all units rescaled and in another order, by hand."""
    rng = torch.Generator().manual_seed(seed)
    state = dict(one.state)
    for rows, columns, grows, pairs in groups(name):
        size = len(state[rows[0]])
        for layer, norm in pairs:
            state = absorbed(state, _factors(size, rng, low, high, one.dtype), layer, norm)
        state = scaled(state, _factors(size, rng, low, high, one.dtype), grows, columns)
        state = shuffled(state, torch.randperm(size, generator=rng).tolist(), rows, columns)
    return one.at(state)


def _factors(size, rng, low, high, dtype):
    drawn = torch.rand(size, generator=rng, dtype=torch.float64)
    return (low * (high / low) ** drawn).to(dtype)
