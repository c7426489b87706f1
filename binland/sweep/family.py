"""What a sweep is about: a family of machines with its data, its measures and the size that is swept."""

import reprlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from binland.algorithms import SGD
from binland.errors import InvalidInputError, one_line, reason, shown
from binland.interrupts import deferred
from binland.lazy import installing
from binland.rng import Seed

if TYPE_CHECKING:
    from binland.sweep.spec import SweepSpec

GROUP = "binland.families"  # entry points: the name is a model.kind, the value a Family
BUILT_IN = dict.fromkeys(("perceptron", "committee"), "binland.sweep.shallow:SHALLOW")

S = TypeVar("S", bound="SweepSpec")
Machine = Any  # a family's own; the engine only hands them on
Patterns = Any
Limit = tuple[int, str, str, int]  # how many, of what, by which settings, at most


class Solution(Protocol):
    """What `Family.fit` gives."""

    @property
    def history(self) -> Any:
        """(epochs,) train error after each epoch."""

    @property
    def replicas(self) -> Any:
        """None, or what has .errors (R,) and .spread."""

    def error(self, patterns: Any, /) -> float:
        """Fraction of patterns with a wrong prediction."""


class Barrier(Protocol):
    """What `Family.barrier` gives."""

    @property
    def samples(self) -> NDArray[np.float64]:
        """(orders,) highest error on each path."""

    @property
    def profile(self) -> NDArray[np.float64]:
        """(points,) mean error at points along the paths, evenly spaced, both ends included."""

    @property
    def max_of_mean(self) -> float:
        """The highest of the mean errors."""


class Plane(Protocol):
    """What `Family.plane` gives."""

    @property
    def errors(self) -> NDArray[np.float64]:
        """(points, points) train errors; a row has one y, a column one x."""

    @property
    def corners(self) -> NDArray[np.float64]:
        """(3, 2) x and y of the solutions."""

    @property
    def x(self) -> NDArray[np.float64]:
        """(points,)"""

    @property
    def y(self) -> NDArray[np.float64]:
        """(points,)"""


class Family(ABC, Generic[S]):
    """The engine's one view of what it sweeps; stateless, and the same in every process.

    axis: name of the swept size, a key of [grid] and the first dimension of result files. symbol, meaning: the same in
    figures and as `long_name`. spec: its configuration. exported: coordinates that get a column in CSV files.
    libraries: distributions whose versions go to the provenance.
    """

    axis: str
    symbol: str
    meaning: str
    spec: type[S]
    exported: tuple[str, ...] = ("n_weights",)
    libraries: tuple[str, ...] = ()

    # The learning problem of a disorder sample, seeded by what it is; the engine keeps the latest ones

    @abstractmethod
    def machine(self, spec: S, size: int, disorder: int) -> Machine:
        """The machine to be trained."""

    @abstractmethod
    def train(self, spec: S, size: int, disorder: int) -> Patterns:
        """What it learns."""

    @abstractmethod
    def test(self, spec: S, size: int, disorder: int) -> Patterns:
        """What it is tested on."""

    @abstractmethod
    def n_weights(self, spec: S, size: int) -> int:
        """Number of binary weights of a machine."""

    # The words

    @abstractmethod
    def fit(self, spec: S, machine: Machine, train: Patterns, algorithm: SGD, seed: Seed) -> Solution:
        """Train a machine."""

    @abstractmethod
    def local_energy(self, spec: S, solution: Any, train: Patterns, seed: Seed) -> NDArray[np.float64]:
        """Samples (fractions, measure.samples) of the train error after random flips minus the train error."""

    @abstractmethod
    def align(self, solution: Any, to: Any) -> Any:
        """The same function, as near to another solution as symmetries allow; latents move along."""

    @abstractmethod
    def hamming(self, a: Any, b: Any) -> float:
        """Fraction of differing weights."""

    @abstractmethod
    def barrier(self, spec: S, start: Any, end: Any, train: Patterns, seed: Seed) -> Barrier:
        """Train errors along measure.orders random shortest paths."""

    @abstractmethod
    def midpoint(self, spec: S, start: Any, end: Any, train: Patterns, algorithm: SGD, seed: Seed) -> Any:
        """The bend of an optimised path: a solution trained from the midpoint of two others."""

    def plane(self, spec: S, solutions: Sequence[Any], train: Patterns, points: int) -> Plane:
        """Train errors in the plane through three solutions with latents, points x points of it."""
        raise NotImplementedError(f"{type(self).__name__} has no planes; its spec is to refuse measure.plane_points")

    # Solutions as flat arrays

    @abstractmethod
    def weights(self, solution: Any) -> NDArray[np.int8]:
        """(n_weights,) int8, all -1 or +1."""

    @abstractmethod
    def latents(self, solution: Any) -> NDArray[np.float32]:
        """(n_weights,) float32 continuous weights."""

    @abstractmethod
    def rebuild(
        self,
        machine: Machine,
        weights: NDArray[np.int8],
        latents: NDArray[np.float32] | None = None,
        history: NDArray[np.float64] | None = None,
        algorithm: SGD | None = None,
    ) -> Any:
        """A solution from what `weights` and `latents` gave."""

    # Identity: plain data that names random streams and tasks, and changes with whatever changes their numbers

    @abstractmethod
    def disorder_key(self, spec: S, size: int, disorder: int) -> dict[str, Any]:
        """What a disorder sample is: machine, train and test patterns (but for the number of the latter)."""

    @abstractmethod
    def model_key(self, spec: S) -> dict[str, Any]:
        """What the machine is, its size apart."""

    def stream_key(self, spec: S, purpose: str) -> dict[str, Any]:
        """What else changes the draws of a stream for "fit", "local_energy", "path", "midpoint" or "bend"."""
        return {}

    def task_key(self, spec: S, kind: str) -> dict[str, Any]:
        """What changes the numbers of a "solution", "pair", "bend" or "plane" task and is in none of its streams."""
        measure = spec.measure
        if kind == "solution":
            return {"fractions": measure.fractions, "realizations": measure.samples}
        if kind == "plane":
            return {"points": measure.plane_points}
        return {"orders": measure.orders, "profile_points": measure.profile_points}

    # The rest has defaults

    def coordinates(self, spec: S) -> dict[str, tuple[NDArray[Any], str]]:
        """Coordinates along the axis, for `load_results`: values and meaning. `n_weights` must be among them."""
        return {"n_weights": (np.array([self.n_weights(spec, size) for size in spec.sizes]), "number of parameters")}

    def limits(self, spec: S) -> list[Limit]:
        """What must not be too large."""
        return []

    def warnings(self, spec: S) -> list[str]:
        """Lines about settings that are allowed and unusual."""
        return []

    def symmetric(self, spec: S) -> bool:
        """Whether alignment does anything, and figures show it."""
        return True

    def summary(self, spec: S) -> str:
        """Data and machine in a few words, for the headline of figures."""
        return spec.model.kind

    def check_ready(self, spec: S) -> None:
        """Raise now what every task would raise: libraries, data files or devices that are missing here."""
        return

    def warm_up(self) -> None:
        """Whatever is to happen once on a machine, before workers start."""
        return

    def one_thread(self) -> AbstractContextManager[object]:
        """Tasks run inside: each has one core, others run beside it, and sums of floats may depend on the threads."""
        return threadpool_limits(1)

    def stamp(self) -> str:
        """Text that changes with the code behind the numbers, besides binland's own."""
        return ""


@cache
def find_family(kind: str) -> Family[Any]:
    """The family of a model.kind: binland's own, or one that an installed package registers.

    Raises InvalidInputError if there is none, if what it needs is not installed, or if it cannot be loaded.
    """
    known = _built_in() if kind in BUILT_IN else _known()
    if kind not in known:
        raise InvalidInputError(f"model.kind = {reprlib.repr(kind)}: is not {kinds()}")
    with deferred():  # a library whose import is interrupted fails with an error of its own
        return _loaded(known[kind])


def _loaded(entry: metadata.EntryPoint) -> Family[Any]:
    kind, owner = shown(entry.name), entry.dist.name if entry.dist else "binland"
    place = f"its entry point {shown(entry.value)} in the package {shown(owner)}"
    try:
        family = entry.load()
    except ModuleNotFoundError as error:
        how = f" with {installing('deep')}" if owner == "binland" else ""
        raise InvalidInputError(
            f"model.kind = {kind} needs {one_line(error.name or str(error), 200)}, which cannot be imported"
            f" (for {place}); install it{how}"
        ) from None
    except (Exception, SystemExit) as error:
        raise InvalidInputError(
            f"model.kind = {kind}: {place} cannot be loaded as package.module:FAMILY ({reason(error)});"
            " mend or uninstall the package"
        ) from None
    if not isinstance(family, Family):
        raise InvalidInputError(
            f"model.kind = {kind}: {place} is {shown(family)}, not a Family; mend or uninstall the package"
        )
    return family


def kinds() -> str:
    """All kinds in words."""
    *names, last = map(repr, _known())
    return f"{', '.join(names)} or {last}"


def _built_in() -> dict[str, metadata.EntryPoint]:
    return {kind: metadata.EntryPoint(kind, value, GROUP) for kind, value in BUILT_IN.items()}


def _known() -> dict[str, metadata.EntryPoint]:
    """By kind, those of other packages first; binland's own cannot be replaced."""
    try:
        others = sorted(metadata.entry_points(group=GROUP), key=lambda entry: entry.name)
    except Exception as error:  # one malformed file of any package spoils them all
        raise InvalidInputError(
            f"the entry points of the installed packages cannot be read ({reason(error)}); the entry_points.txt of"
            " one is malformed: mend it or uninstall the package"
        ) from None
    return {entry.name: entry for entry in others} | _built_in()
