"""Ids of tasks and of their random streams, from which the seeds come."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from binland.errors import InvalidInputError, shown
from binland.sweep.identity import Identity, identify
from binland.sweep.spec import Setup, SweepSpec
from binland.sweep.tasks import Task, measure_of
from binland.sweep.words import TRAINING

OF_STREAMS = ("disorder", "model", "algorithm", "to_algorithm")
OF_TASKS = ("task", "streams", "solutions", "latents")


def problem_key(spec: SweepSpec, setup: Setup, disorder: int) -> dict[str, Any]:
    """Identity of a disorder sample: the numbers drawn for it depend on this and on nothing else."""
    own = _own(f"data.kind = {spec.problem.name!r}", setup.problem_key, ("seed", "disorder", "purpose"))
    return {"seed": spec.seed, "disorder": disorder, **own}


def _own(who: str, given: Any, taken: tuple[str, ...]) -> dict[str, Any]:
    """Plain data by which a plug-in identifies something; InvalidInputError if it has keys that the engine sets."""
    if not isinstance(given, Mapping):
        raise InvalidInputError(f"{who}: its key {shown(given)} is no dict of plain data")
    for key in taken:
        if key in given:
            raise InvalidInputError(f"{who}: its key has {key!r}, by which the engine names something else; rename it")
    return dict(given)


def problem_seed(spec: SweepSpec, setup: Setup, disorder: int, purpose: str) -> np.random.SeedSequence:
    """Seed of something that a problem draws."""
    return identify(problem_key(spec, setup, disorder) | {"purpose": purpose}).seed


def model_seed(spec: SweepSpec, disorder: int, purpose: str, **parameters: Any) -> np.random.SeedSequence:
    """Seed of something that belongs to the model of a disorder sample."""
    return identify({"purpose": purpose, "seed": spec.seed, "disorder": disorder, **parameters}).seed


def streams(spec: SweepSpec, task: Task) -> dict[str, Identity]:
    """The random streams of a task; their seeds come from their ids.

    A stream is identified by its purpose and by everything that may change its draws, and nothing else: labels,
    test-set sizes and other grid points are left out, so that changing them changes no number drawn here.
    """
    if task.kind == TRAINING:
        return {"fit": _stream(spec, task, {"purpose": "fit", "solution": task.solutions[0]}, None)}
    measure, settings = spec.measures[measure_of(task)]
    described = spec.at(task.cell.point).described
    who = f"measure.{measure.name}"
    found = _own(who, measure.streams(settings, spec.family.states, described), ())
    place = _place(task, measure.repeat)
    for name, stream in found.items():
        if "purpose" not in _own(f"{who}: stream {shown(name)}", stream, OF_STREAMS):
            raise InvalidInputError(f"{who}: its stream {shown(name)} says no purpose; add it")
    return {name: _stream(spec, task, {**stream, **place}, settings) for name, stream in found.items()}


def _place(task: Task, repeat: str) -> dict[str, Any]:
    """Which solutions, and which repetition, a task is about."""
    numbers = task.solutions
    names: dict[str, Any] = {"solutions": list(numbers)}
    if len(numbers) < 3:
        names = dict(zip(("solution",) if len(numbers) == 1 else ("start", "end"), numbers, strict=True))
    return names | ({repeat: task.repeat} if repeat else {})


def _stream(spec: SweepSpec, task: Task, stream: dict[str, Any], settings: Any) -> Identity:
    cell, family = task.cell, spec.family
    setup = spec.at(cell.point)
    other = {"to_algorithm": setup.described[task.to]} if task.to else {}
    return identify(
        {
            "disorder": problem_key(spec, setup, cell.disorder) | setup.in_disorder,
            "model": setup.model_key,
            "algorithm": setup.described[cell.algorithm],
            **other,
            **stream,
            **family.stream_key(stream["purpose"], settings, spec.compute),
        }
    )


@lru_cache(maxsize=10_000)
def _training_id(spec: SweepSpec, task: Task) -> str:
    """Id of a training's stream, which everything measured of it includes."""
    return streams(spec, task)["fit"].id


def task_identity(spec: SweepSpec, task: Task) -> Identity:
    """Identity of a task: value, canonical text, id. The id changes exactly with what changes the task's numbers.

    The value holds the ids of its random streams (see `streams`), which include model, disorder and algorithm; for
    measures it also holds the ids of the trainings.
    """
    drawn = {name: stream.id for name, stream in streams(spec, task).items()}
    value: dict[str, Any] = {"task": task.kind, "streams": drawn}
    if task.kind == TRAINING:
        return identify(value)
    measure, settings = spec.measures[measure_of(task)]
    value |= _own(f"measure.{measure.name}", measure.key(settings), OF_TASKS)
    if measure.test_patterns():
        test_key = spec.problem.test_key(spec.at(task.cell.point).data)
        value |= _own(f"data.kind = {spec.problem.name!r}", test_key, OF_TASKS)
    value["solutions"] = [_training_id(spec, need) for need in task.needs]
    if measure.latents == "used":
        value["latents"] = spec.latents
    return identify(value)
