"""What a worker does with a task: pure functions from a sweep and a task to named arrays."""

import time
import traceback
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from binland.errors import BinlandError, shown
from binland.sweep import registry
from binland.sweep.config import from_text
from binland.sweep.contracts.measure import Case
from binland.sweep.contracts.variable import Coordinate, Variable
from binland.sweep.identity import identify
from binland.sweep.naming import model_seed, problem_key, problem_seed, streams
from binland.sweep.spec import Point, Setup, SweepSpec
from binland.sweep.store.layout import HISTORY
from binland.sweep.tasks import Arrays, Job, Outcome, Task, measure_of
from binland.sweep.words import ACROSS, STATES, TRAINING


def execute(text: str, job: Job) -> Outcome:
    """Run one task of the sweep with this text; an exception in the task becomes a recorded failure."""
    began = time.perf_counter()
    try:
        arrays = _arrays(from_text(text), job)
    except BinlandError as error:  # its message says what is wrong
        return Outcome({}, time.perf_counter() - began, f"{type(error).__name__}: {error}")
    except (Exception, SystemExit):
        return Outcome({}, time.perf_counter() - began, traceback.format_exc())
    return Outcome(arrays, time.perf_counter() - began)


def execute_all(text: str, jobs: Sequence[Job]) -> list[Outcome | None]:
    """Run tasks one after the other; a task right after its training takes the solution from there.

    The outcome is None for a task whose training has failed.
    """
    outcomes: list[Outcome | None] = []
    trained: dict[Task, Arrays] = {}
    for job in jobs:
        if job.solutions is None:
            known = [trained[need] for need in job.task.needs if need in trained]
            if len(known) < len(job.task.needs):
                outcomes.append(None)
                continue
            job = Job(job.task, tuple(known))
        outcome = execute(text, job)
        if job.task.kind == TRAINING and not outcome.failure:
            trained[job.task] = outcome.arrays
        outcomes.append(outcome)
    return outcomes


def _arrays(spec: SweepSpec, job: Job) -> Arrays:
    if job.task.kind == TRAINING:
        return train(spec, job.task)
    solutions = [decode(spec, job.task, k, arrays) for k, arrays in enumerate(job.solutions or ())]
    return measure(spec, job.task, solutions)


def train(spec: SweepSpec, task: Task) -> Arrays:
    """Train a solution; returns its arrays and its history."""
    cell, setup = task.cell, spec.at(task.cell.point)
    problem, seed = draw(spec, cell.point, cell.disorder), streams(spec, task)["fit"].seed
    solution = spec.family.fit(problem.model, problem.train, setup.algorithms[cell.algorithm], seed, spec.compute)
    who = f"algorithms.{cell.algorithm}"
    if not hasattr(solution, "history") or not hasattr(solution, "error"):
        raise TypeError(f"{who}: {shown(solution)} is no solution: it has no .error and .history")
    arrays = encode(spec, solution)
    if "history" not in arrays:  # without a history: the final train error
        arrays["history"] = np.array([solution.error(problem.train)], float)
    return _checked_training(spec, setup, cell.algorithm, arrays)


def _checked_training(spec: SweepSpec, setup: Setup, label: str, arrays: Any) -> Arrays:
    """The arrays of a solution, checked against their declaration."""
    algorithm, family = setup.algorithms[label], spec.family
    dims = {**family.lengths(setup.model, setup.inputs, algorithm), "epoch": Coordinate(max(1, algorithm.n_records))}
    variables = {"history": HISTORY, **family.variables()}
    left_out = () if spec.latents else family.latents
    needed = [name for name in variables if not variables[name].optional and name not in left_out]
    found = checked(variables, arrays, f"the solution of algorithms.{label}", needed)
    for name, array in found.items():
        lengths = tuple(dims[dim].length for dim in variables[name].inner)
        if any(one > most for one, most in zip(array.shape, lengths, strict=True)):
            why = "n_records of the algorithm" if name == "history" else "lengths of the family"
            raise ValueError(f"algorithms.{label}: {name} has the shape {array.shape}; {why} allow {lengths}")
    return found


def encode(spec: SweepSpec, solution: Any) -> Arrays:
    """The arrays that are stored of a trained solution."""
    arrays = spec.family.encode(solution)
    if not isinstance(arrays, Mapping):
        raise TypeError(
            f"model.kind = {spec.family.kinds[0]!r}: encode gave {shown(arrays)}, which is no dict of arrays"
        )
    left_out = () if spec.latents else spec.family.latents
    history = {} if solution.history is None else {"history": np.asarray(solution.history, float)}
    return {name: values for name, values in arrays.items() if name not in left_out} | history


def decode(spec: SweepSpec, task: Task, place: int, arrays: Mapping[str, NDArray[Any]]) -> Any:
    """Solution number `place` of those that a task needs, from its arrays."""
    cell = task.needs[place].cell if task.needs else task.cell
    model = draw(spec, cell.point, cell.disorder).model
    return spec.family.decode(model, arrays, spec.at(cell.point).algorithms[cell.algorithm])


def needed(spec: SweepSpec, task: Task) -> tuple[str, ...]:
    """Names of the variables of solutions that a task is given."""
    if task.kind == TRAINING:
        return ()
    measured, _ = spec.measures[measure_of(task)]
    with_latents = spec.latents and measured.latents != "unused"
    return spec.family.rebuilt_from + (spec.family.latents if with_latents else ())


def measure(spec: SweepSpec, task: Task, solutions: list[Any], algorithms: Any = None, settings: Any = None) -> Arrays:
    """Run a measure on finished solutions. algorithms, settings: replace those of the sweep, for estimates."""
    measured, own = spec.measures[measure_of(task)]
    chosen = own if settings is None else settings
    setup = spec.at(task.cell.point)
    problem = draw(spec, task.cell.point, task.cell.disorder)
    case = Case(
        family=spec.family,
        model=problem.model,
        solutions=solutions,
        data=problem,
        seeds={name: stream.seed for name, stream in streams(spec, task).items()},
        algorithms=setup.algorithms if algorithms is None else algorithms,
        compute=spec.compute,
    )
    who, variables = f"measure.{measured.name}", measured.variables(chosen)
    needed = [name for name in variables if not variables[name].optional]
    arrays = checked(variables, measured.run(chosen, case), who, needed)
    dims = {STATES: len(spec.family.states)} | {name: of.length for name, of in measured.coordinates(chosen).items()}
    for name, array in arrays.items():
        shape = tuple(dims[dim] for dim in variables[name].inner)
        if array.shape != shape:
            raise ValueError(f"{who}: {name} has the shape {array.shape}; its dimensions have the lengths {shape}")
    return {f"{ACROSS}{name}": values for name, values in arrays.items()} if task.to else arrays


def checked(variables: Mapping[str, Variable], given: Any, who: str, needed: Collection[str]) -> Arrays:
    """Arrays in the declared types; raises TypeError or ValueError if they are not what was declared."""
    if not isinstance(given, Mapping) or {*given} - {*variables}:
        raise TypeError(f"{who} returned {shown(given)}, which is no dict of {', '.join(variables)}")
    arrays = {}
    for name, values in given.items():
        array = np.asarray(values)
        if array.ndim != len(variables[name].inner) or array.dtype.kind not in "biuf":
            raise ValueError(
                f"{who}: {name} is {shown(array)}; its dimensions are ({', '.join(variables[name].inner)})"
            )
        arrays[name] = array.astype(variables[name].dtype, copy=False)
    missing = [name for name in needed if name not in arrays]
    if missing:
        raise ValueError(f"{who} has no {missing[0]}, which is to be stored")
    return arrays


class _Problem:
    """Model, train and test patterns of a disorder sample at a point of the grid, drawn at first use."""

    def __init__(self, spec: SweepSpec, point: Point, disorder: int):
        self._spec, self._setup, self._disorder = spec, spec.at(point), disorder

    def _seed(self, purpose: str) -> np.random.SeedSequence:
        return problem_seed(self._spec, self._setup, self._disorder, purpose)

    @cached_property
    def model(self) -> Any:
        """The model to be trained."""

        def seed(purpose: str, **parameters: Any) -> np.random.SeedSequence:
            return model_seed(self._spec, self._disorder, purpose, **parameters)

        return self._spec.family.build(self._setup.model, self._setup.inputs, seed)

    @property
    def train(self) -> Any:
        """Train patterns."""
        return self._patterns("train", self._spec.problem.train)

    @property
    def test(self) -> Any:
        """Test patterns."""
        return self._patterns("test", self._spec.problem.test)

    @cached_property
    def _ids(self) -> dict[str, str]:
        """Ids of the patterns, equal for grid points that share them."""
        key = problem_key(self._spec, self._setup, self._disorder)
        test_key = self._spec.problem.test_key(self._setup.data)
        return {"train": identify(key).id, "test": identify(key | test_key).id}

    def _patterns(self, which: str, make: Callable[..., Any]) -> Any:
        """Patterns, cached for all grid points that share them."""
        family, inputs = self._spec.family, self._setup.inputs
        name = registry.version(), family.kinds, self._ids[which]
        return _kept[which].get(name, lambda: family.data(self._drawn(make), inputs))

    def _drawn(self, make: Callable[..., Any]) -> Any:
        """What a problem draws; raises ValueError unless inputs have the declared shape and one label each."""
        patterns, shape = make(self._setup.data, self._seed), self._setup.inputs.shape
        who = f"data.kind = {self._spec.problem.name!r}"
        if not hasattr(patterns, "inputs") or not hasattr(patterns, "labels"):
            raise ValueError(f"{who}: {shown(patterns)} has no .inputs and .labels")
        inputs, labels = np.shape(patterns.inputs), np.shape(patterns.labels)
        if inputs[1:] != shape or labels != inputs[:1] or not labels:
            raise ValueError(
                f"{who}: inputs of shape {inputs} and labels of shape {labels} are not (P, *{shape}) and (P,)"
            )
        return patterns


class _Latest:
    """A cache of the few most recent things."""

    def __init__(self, most: int):
        self._most = most
        self._things: OrderedDict[Any, Any] = OrderedDict()

    def get(self, key: Any, make: Callable[[], Any]) -> Any:
        """The thing with this key, made if it is not cached."""
        if key not in self._things:
            self._things[key] = make()
        self._things.move_to_end(key)
        while len(self._things) > self._most:
            self._things.popitem(last=False)
        return self._things[key]


_kept = {"train": _Latest(4), "test": _Latest(2), "models": _Latest(8)}  # neighbouring tasks share them


def draw(spec: SweepSpec, point: Point, disorder: int) -> _Problem:
    """The problem of a disorder sample at a point of the grid."""
    return _kept["models"].get((spec, point, disorder), lambda: _Problem(spec, point, disorder))
