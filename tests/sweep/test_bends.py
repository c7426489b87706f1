"""Optimised paths in sweeps of shallow machines."""

import hashlib

import numpy as np
import pytest

import binland as bl
from binland.paths import optimized_midpoint
from binland.plots import plot_results
from binland.sweep.execute import draw_problem
from binland.sweep.shallow import SHALLOW
from binland.sweep.store.merge import merge
from binland.sweep.tasks import BendTask, Cell, PairTask, SolutionTask, all_tasks, streams, task_identity
from tests.sweep.small import assert_same_numbers, spec

MIDPOINTS = {"midpoints": 2, "profile_points": 5}


@pytest.mark.parametrize("latents", [False, True])
def test_bends_are_optimised_paths_by_hand(tmp_path, latents):
    """With latents the midpoint starts at their size, without at that of the initialisation."""
    small = spec(measure=MIDPOINTS, store={"latents": latents})
    path, cell = tmp_path / "out.h5", Cell(21, 1, "RSGD")
    bl.run_sweep(small, path)
    data = bl.load_results(path)
    assert data.sizes["bend"] == 4
    train = draw_problem(small.canonical(), 21, 1)[1]
    start, end = (bl.load_solution(path, 21, "RSGD", 1, k) for k in (1, 0))
    assert (start.latents is not None) == latents
    seeds = {name: stream.seed for name, stream in streams(small, BendTask(cell, 1, 0, 1)).items()}
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
    task, small = BendTask(Cell(21, 0, "SGD"), 0, 1, 0), spec(measure={"midpoints": 1})
    stored = spec(measure={"midpoints": 1}, store={"latents": True})
    assert task_identity(stored, task).id != task_identity(small, task).id
    renamed = spec(
        measure={"midpoints": 1},
        algorithms={"mine": {"kind": "SGD", "epochs": 4}, "RSGD": {"epochs": 3, "replicas": 2}},
    )
    other = BendTask(Cell(21, 0, "mine"), 0, 1, 0)
    assert task_identity(renamed, other).id == task_identity(small, task).id


@pytest.mark.parametrize(
    ("changes", "digest"),
    [
        ({}, "d8f043b9c4446405"),
        ({"measure": {"method": "exact"}, "model": {"output_weights": "random"}}, "00bebdf9b90f384c"),
    ],
)
def test_ids_stay_what_they_were_before_there_were_families(changes, digest):
    """All of them; files that hold them are continued, extended and merged."""
    small = spec(**changes)
    ids = "".join(task_identity(small, task).id for task in all_tasks(small))
    assert hashlib.sha256(ids.encode()).hexdigest().startswith(digest)


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
    tasks = all_tasks(spec(measure=MIDPOINTS))
    assert len(tasks) == len(set(tasks)) == 8 * (2 + 2 + 4)
    for place, task in enumerate(tasks):
        assert all(tasks.index(need) < place for need in task.needs)
        assert all(isinstance(need, SolutionTask) for need in task.needs)
        if isinstance(task, BendTask):
            assert task.needs == PairTask(task.cell, task.start, task.end).needs


def test_solutions_survive_being_flat():
    machine = bl.CommitteeMachine(5, 3)
    solution = bl.fit(machine, bl.Patterns.random(9, 5, 0), bl.SGD(epochs=1), 0)
    again = SHALLOW.rebuild(machine, SHALLOW.weights(solution), SHALLOW.latents(solution))
    assert np.array_equal(again.weights, solution.weights)
    assert np.array_equal(again.latents, solution.latents)
