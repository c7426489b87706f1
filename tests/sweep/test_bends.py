"""Optimised paths in sweeps of shallow machines."""

import hashlib

import numpy as np
import pytest

import binland as bl
from binland.families.shallow import SHALLOW
from binland.paths import optimized_midpoint
from binland.plots import plot_results
from binland.sweep import older
from binland.sweep.execute import draw
from binland.sweep.naming import streams, task_identity
from binland.sweep.store.merge import merge
from binland.sweep.tasks import Cell, Task
from tests.sweep.small import assert_same_numbers, cell, pair, spec, tasks

MIDPOINTS = {"midpoints": 2, "profile_points": 5}


def bend(cell, start, end, midpoint=0):
    """The task that measures an optimised path."""
    return Task("bend", cell, (start, end), midpoint)


@pytest.mark.parametrize("latents", [False, True])
def test_bends_are_optimised_paths_by_hand(tmp_path, latents):
    """With latents the midpoint starts at their size, without at that of the initialisation."""
    small = spec(measure=MIDPOINTS, store={"latents": latents})
    path = tmp_path / "out.h5"
    bl.run_sweep(small, path)
    data = bl.load_results(path)
    assert data.sizes["bend"] == 4
    train = draw(small, (0,), 1).train
    start, end = (bl.load_solution(path, 21, "RSGD", 1, k) for k in (1, 0))
    assert (start.latents is not None) == latents
    seeds = {name: stream.seed for name, stream in streams(small, bend(cell(21, 1, "RSGD"), 1, 0, 1)).items()}
    point = data.sel(n_inputs=21, disorder=1, algorithm="RSGD", bend=3)
    assert [int(point[f"bend_{name}"]) for name in ("start", "end", "midpoint")] == [1, 0, 1]
    for symmetry, moved in (("raw", end), ("aligned", bl.align(end, to=start).solution)):
        middle = optimized_midpoint(start, moved, train, bl.SGD(epochs=4), seeds[f"{symmetry} midpoint"])
        first = bl.barrier(start, middle, train, 2, seeds[f"{symmetry} first"])
        second = bl.barrier(middle, moved, train, 2, seeds[f"{symmetry} second"])
        found = point.sel(symmetry=symmetry)
        assert found["bend_distance"].values.tolist() == [bl.hamming(start, middle), bl.hamming(middle, moved)]
        assert np.array_equal(found["bend_barrier"], np.maximum(first.samples, second.samples))
        assert float(found["midpoint_error"]) == middle.error(train)
        for leg, expected in (("first", first), ("second", second)):
            steps = np.linspace(0, len(expected.profile) - 1, 5).round().astype(int)
            assert np.array_equal(found["bend_error"].sel(leg=leg), expected.profile[steps])


def test_the_midpoint_is_that_of_an_optimised_path():
    train = bl.HiddenManifold(21, 11, seed=0).sample(40, seed=1)
    machine, settings = bl.CommitteeMachine(21, 5), bl.SGD(epochs=3)
    a, b = (bl.fit(machine, train, settings, seed) for seed in (1, 2))
    bend = bl.optimized_path(a, b, train, settings, np.random.SeedSequence(3))
    alone = optimized_midpoint(a, b, train, settings, np.random.SeedSequence(3))
    assert np.array_equal(bend.midpoint.weights, alone.weights)


def test_numbers_of_optimised_paths_stay_what_they_are():
    train = bl.HiddenManifold(21, 11, seed=0).sample(40, seed=1)
    machine, settings = bl.CommitteeMachine(21, 5), bl.SGD(epochs=3)
    a, b = (bl.fit(machine, train, settings, seed) for seed in (1, 2))
    assert bl.optimized_path(a, b, train, settings, seed=3).errors.sum() * 40 == pytest.approx(427)


def test_bends_change_no_other_number(finished, tmp_path):
    bl.run_sweep(spec(measure={"midpoints": 1}), tmp_path / "out.h5")
    old, new = bl.load_results(finished), bl.load_results(tmp_path / "out.h5")
    for name in old.data_vars:
        if not name.endswith("_seconds"):
            assert old[name].drop_attrs().equals(new[name].drop_attrs()), name


def test_a_bend_depends_on_what_it_starts_from():
    task, small = bend(cell(), 0, 1), spec(measure={"midpoints": 1})
    stored = spec(measure={"midpoints": 1}, store={"latents": True})
    assert task_identity(stored, task).id != task_identity(small, task).id
    renamed = spec(
        measure={"midpoints": 1},
        algorithms={"mine": {"kind": "SGD", "epochs": 4}, "RSGD": {"epochs": 3, "replicas": 2}},
    )
    other = bend(cell(algorithm="mine"), 0, 1)
    assert task_identity(renamed, other).id == task_identity(small, task).id


def older_tasks(small):
    """The tasks of an older file, in the order in which they were run: whole cells, solutions before pairs."""
    layout = older.layout(small)
    for disorder in range(small.disorder_samples):
        for point in sorted(small.points, reverse=True):
            for label in small.labels:
                yield from layout.cell_tasks(Cell(point, disorder, label))


@pytest.mark.parametrize(
    ("changes", "digest"),
    [
        ({}, "d8f043b9c4446405"),
        ({"measure": {"method": "exact"}, "model": {"output_weights": "random"}}, "00bebdf9b90f384c"),
    ],
)
def test_ids_stay_what_they_were_before_there_were_families(changes, digest, monkeypatch):
    """All of them; files that hold them are continued, extended and merged."""
    monkeypatch.setattr(bl.SGD, "recipe", 1)
    small = spec(**changes)
    ids = "".join(older.task_id(small, task) for task in older_tasks(small))
    assert hashlib.sha256(ids.encode()).hexdigest().startswith(digest)


@pytest.mark.slow
def test_parts_with_bends_are_merged(tmp_path):
    small = spec(measure=MIDPOINTS)
    bl.run_sweep(small, tmp_path / "whole.h5", workers=2)
    paths = [tmp_path / f"{k}.h5" for k in (1, 2)]
    for k, path in enumerate(paths, 1):
        bl.run_sweep(small, path, part=(k, 2))
    merge(paths, tmp_path / "all.h5")
    assert_same_numbers(tmp_path / "whole.h5", tmp_path / "all.h5", small)
    assert [p.name for p in plot_results(tmp_path / "all.h5", tmp_path)] == [
        f"all{suffix}.{ending}"
        for suffix in ("", "_paths_n_inputs_21", "_paths_n_inputs_31")
        for ending in ("png", "pdf")
    ]


def test_bends_come_after_their_solutions_and_wait_for_nothing_else():
    found = tasks(spec(measure=MIDPOINTS))
    assert len(found) == len(set(found)) == 8 * (2 + 2 + 2 + 2 + 4)
    for place, task in enumerate(found):
        assert all(found.index(need) < place for need in task.needs)
        assert all(need.kind == "solution" for need in task.needs)
        if task.kind == "bend":
            assert task.needs == pair(task.cell, *task.solutions).needs


def test_solutions_survive_being_arrays():
    machine = bl.CommitteeMachine(5, 3)
    solution = bl.fit(machine, bl.Patterns.random(9, 5, 0), bl.SGD(epochs=1), 0)
    again = SHALLOW.decode(machine, SHALLOW.encode(solution))
    assert np.array_equal(again.weights, solution.weights)
    assert np.array_equal(again.latents, solution.latents)


def test_optimised_paths_between_two_algorithms(tmp_path):
    """Of all pairs, aligned to their start; their numbers are those of the solutions that are stored."""
    small = spec(
        grid={"n_inputs": [21], "disorder_samples": 1},
        measure={"bend": {"midpoints": 2, "pairs": "all", "orders": 2}, "pair": False},
        store={"latents": True},
    )
    path = tmp_path / "out.h5"
    bl.run_sweep(small, path)
    data = bl.load_results(path)
    assert data.sizes["bend"] == 2 * 2
    assert data.sizes["across_bend"] == 2 * 4 * 2
    names = ("algorithm", "to_algorithm", "start", "end", "midpoint")
    where = [tuple(data[f"across_bend_{name}"].values[k].item() for name in names) for k in range(16)]
    place = where.index(("RSGD", "SGD", 1, 0, 1))
    task = Task("across_bend", cell(algorithm="RSGD"), (1, 0), 1, to="SGD")
    assert tasks(small).index(task) > 0
    start, end = bl.load_solution(path, 21, "RSGD", 0, 1), bl.load_solution(path, 21, "SGD", 0, 0)
    train, seed = draw(small, (0,), 0).train, streams(small, task)["aligned midpoint"].seed
    middle = optimized_midpoint(start, bl.align(end, to=start).solution, train, bl.SGD(epochs=4), seed)
    found = data.isel(n_inputs=0, disorder=0, across_bend=place).sel(symmetry="aligned")
    assert float(found["across_midpoint_error"]) == middle.error(train)
    assert float(found["across_bend_distance"].sel(leg="first")) == bl.hamming(start, middle)
