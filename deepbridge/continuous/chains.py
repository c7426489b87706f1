"""The symmetry of a chain of layers, found by tracing a module: each layer reads the output of the one before.

Tracing by torch.fx also finds activations and reshapes in `forward`.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.fx.passes.shape_prop import ShapeProp

from binland.errors import InvalidInputError, reason, shown
from deepbridge.continuous.units import BATCH_NORMS, LAYERS, STATISTICS, Axes, Symmetry

POOLS = tuple(
    (getattr(nn, f"{kind}Pool{d}d"), d) for kind in ("Max", "Avg", "AdaptiveAvg", "AdaptiveMax") for d in (1, 2, 3)
)
KEEPING = (nn.ReLU, nn.LeakyReLU, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.Identity)
F = nn.functional
KEEPING_FUNCTIONS: tuple[Callable[..., Any], ...] = (
    F.relu, torch.relu, torch.relu_, F.leaky_relu, F.dropout, F.dropout1d, F.dropout2d, F.dropout3d,
)  # fmt: skip
POOL_FUNCTIONS: dict[Any, int] = {
    getattr(F, f"{kind}_pool{d}d"): d for kind in ("max", "avg", "adaptive_avg", "adaptive_max") for d in (1, 2, 3)
}
ADVICE = (
    "understood by themselves are chains of Linear, Conv, BatchNorm, ReLU, LeakyReLU, pools, Flatten and Dropout; for"
    " anything else give symmetry=db.Symmetry(...)"
)


def chain_symmetry(module: nn.Module, example: Tensor) -> Symmetry:
    """The symmetry of a chain of Linear, Conv, BatchNorm, ReLU, LeakyReLU, pools, Flatten and Dropout.

    example: a batch of inputs. Raises InvalidInputError with the name of the module that is not understood.
    """
    try:
        traced = fx.symbolic_trace(module)
        ShapeProp(traced).propagate(example)
    except Exception as error:  # a user's forward may fail in any way
        raise InvalidInputError(f"{type(module).__name__} cannot be traced ({reason(error)}); {ADVICE}") from None
    walk = _Walk(dict(traced.named_modules()))
    for node in traced.graph.nodes:
        walk.step(node)
    return walk.symmetry()


class _Walk:
    """State while following the chain: shape of the current output, and which units it consists of."""

    def __init__(self, modules: dict[str, nn.Module]):
        self._modules = modules
        self._node: fx.Node | None = None  # that the next one has to take
        self._units: str | None = None
        self._source = ""  # the layer or batch-norm that set the scale of the units
        self._axes: dict[str, Axes] = {}
        self._norms: dict[str, str] = {}
        self._seen: set[str] = set()

    def step(self, node: fx.Node) -> None:
        """Follow one node of the trace."""
        if node.op == "placeholder":
            if self._node is not None:
                raise InvalidInputError(f"forward takes more than one input; {ADVICE}")
        elif node.op == "get_attr":
            raise InvalidInputError(f"{_name(node)} is a tensor of its own; {ADVICE}")
        elif not _is_tensor(node) and node.op == "call_module":
            kind = type(self._modules[str(node.target)]).__name__
            raise InvalidInputError(f"{node.target} ({kind}) gives no tensor; {ADVICE}")
        elif not _is_tensor(node) and node.op != "output":
            return  # a size, for a reshape
        elif [n for n in node.all_input_nodes if _is_tensor(n)] != [self._node]:
            raise InvalidInputError(f"{_name(node)} does not take what stands before it, and nothing else; {ADVICE}")
        if node.op == "call_module":
            self._module(node, str(node.target), self._modules[str(node.target)])
        elif node.op in ("call_function", "call_method"):
            self._function(node)
        self._node = node

    def _module(self, node: fx.Node, name: str, module: nn.Module) -> None:
        if name in self._seen and any(True for _ in module.parameters()):
            raise InvalidInputError(f"{name} ({type(module).__name__}) is used twice; {ADVICE}")
        self._seen.add(name)
        if isinstance(module, LAYERS):
            self._layer(name, module)
        elif isinstance(module, BATCH_NORMS):
            self._batch_norm(name, module)
        elif isinstance(module, nn.Flatten):
            self._check_flat(node, name)
        elif not isinstance(module, KEEPING) and not self._pools(module):
            raise InvalidInputError(f"{name} ({type(module).__name__}) is not understood; {ADVICE}")

    def _layer(self, name: str, module: Any) -> None:
        wanted = module.weight.ndim
        if self._rank() != wanted or getattr(module, "groups", 1) != 1:
            raise InvalidInputError(f"{name} ({type(module).__name__}) has groups or inputs of another rank; {ADVICE}")
        if "weight" not in dict(module.named_parameters(recurse=False)):
            raise InvalidInputError(f"{name} computes its weight, by pruning or a norm; make that permanent before")
        self._axes[f"{name}.weight"] = (name, self._units, *[None] * (wanted - 2))
        if module.bias is not None:
            self._axes[f"{name}.bias"] = (name,)
        self._units = self._source = name

    def _batch_norm(self, name: str, module: Any) -> None:
        if self._units is None:
            return
        known = [*STATISTICS] if module.track_running_stats else []
        for tensor in [*(["weight", "bias"] if module.affine else []), *known]:
            self._axes[f"{name}.{tensor}"] = (self._units,)
        self._norms[name] = self._source
        self._source = name

    def _function(self, node: fx.Node) -> None:
        target, name = node.target, _name(node)
        if target in KEEPING_FUNCTIONS or target in ("relu", "relu_", "contiguous"):
            return
        if target in (torch.flatten, "flatten", "view", "reshape", torch.reshape):
            self._check_flat(node, name)
        elif not (target in POOL_FUNCTIONS and self._rank() == POOL_FUNCTIONS[target] + 2):
            raise InvalidInputError(f"{name} in forward is not understood; {ADVICE}")

    def _pools(self, module: nn.Module) -> bool:
        return any(isinstance(module, kind) and self._rank() == d + 2 for kind, d in POOLS)

    def _check_flat(self, node: fx.Node, name: str) -> None:
        """Check that a reshape does what Flatten() does: units first, then their positions."""
        before, after = _shape(self._node), _shape(node)
        if tuple(after) not in ((before[0], before[1:].numel()), tuple(before)):
            raise InvalidInputError(
                f"{name} reshapes {tuple(before)} to {tuple(after)}, not to a row for each; {ADVICE}"
            )

    def _rank(self) -> int:
        return len(_shape(self._node))

    def symmetry(self) -> Symmetry:
        """The symmetry that was found; units of the last layer are outputs, not hidden."""
        last = self._units
        axes = {name: tuple(None if unit == last else unit for unit in units) for name, units in self._axes.items()}
        norms = {norm: source for norm, source in self._norms.items() if self._axes_of(norm) != (last,)}
        return Symmetry({name: units for name, units in axes.items() if set(units) != {None}}, norms)

    def _axes_of(self, norm: str) -> Axes | None:
        return self._axes.get(f"{norm}.weight", self._axes.get(f"{norm}.running_mean"))


def _is_tensor(node: fx.Node) -> bool:
    return "tensor_meta" in node.meta and isinstance(node.meta["tensor_meta"], fx.passes.shape_prop.TensorMetadata)


def _shape(node: fx.Node | None) -> torch.Size:
    assert node is not None
    return node.meta["tensor_meta"].shape


def _name(node: fx.Node) -> str:
    """Name of a node for messages."""
    return shown(getattr(node.target, "__name__", str(node.target)))[1:-1]
