import hashlib
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import binland as bl
from binland.sweep.config import check_settings, from_text
from binland.sweep.identity import identify
from binland.sweep.naming import streams, task_identity
from binland.sweep.tasks import Cell, Task, from_plain, to_plain
from tests.sweep.small import cell, pair, settings, spec, tasks, training

CELL = cell()
SOLUTION, PAIR = training(CELL, 0), pair(CELL, 0, 1)
ERRORS, ENERGY = (Task(kind, CELL, (0,)) for kind in ("errors", "local_energy"))
ALL = {SOLUTION, PAIR, ERRORS, ENERGY}


def in_order(value):
    """A name that does not depend on the order of sets, which is another one in every process."""
    return ", ".join(sorted(map(str, value))) if isinstance(value, set | frozenset) else str(value)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), values, max_size=5))
def test_ids_do_not_depend_on_the_order_of_keys(value):
    assert identify(dict(reversed(value.items()))).id == identify(value).id
    assert identify(json.loads(identify(value).text)).id == identify(value).id


@pytest.mark.parametrize("task", [SOLUTION, PAIR, ERRORS, ENERGY], ids=lambda task: task.kind)
def test_the_steps_from_value_to_seed_can_be_followed_by_hand(task):
    identity = task_identity(spec(), task)
    assert json.loads(identity.text) == identity.value
    assert identity.id == hashlib.sha256(identity.text.encode()).hexdigest()
    assert identity.seed.entropy == int(identity.id, 16)
    assert identity.value["streams"] == {name: stream.id for name, stream in streams(spec(), task).items()}
    trainings = [streams(spec(), need)["fit"].id for need in task.needs]
    assert identity.value.get("solutions", []) == trainings


def test_every_task_and_every_stream_has_an_id_of_its_own():
    small = spec(measure={"bend": {"midpoints": 2}, "pair": {"pairs": "all"}})
    ids = [task_identity(small, task).id for task in tasks(small)]
    ids += [stream.id for task in tasks(small) for stream in streams(small, task).values()]
    assert len({task.kind for task in tasks(small)}) == 6
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("task", [SOLUTION, PAIR, ERRORS, ENERGY], ids=lambda task: task.kind)
@pytest.mark.parametrize(
    "changes",
    [
        {"grid": {"n_inputs": [21, 31, 41]}},
        {"grid": {"disorder_samples": 9, "solutions": 5}},
        {"title": "other", "algorithms": {"SGD": {"epochs": 4}}},
        {"model": {"allow_ties": True}},
        {"measure": {"inset_fraction": 0.1}},
        {"figure": {"local_energy": {"inset_fraction": 0.1}}},
        {"store": {"latents": True}},
        {"measure": {"midpoints": 3}},
        {"measure": {"pair": {"orders": 2, "pairs": "all"}}},
        {"data": {"n_patterns": 30, "alpha": 30 / 21}, "grid": {"n_inputs": [21]}},
    ],
    ids=in_order,
)
def test_what_changes_no_number_of_a_task_does_not_change_its_id(task, changes):
    assert task_identity(spec(**changes), task).id == task_identity(spec(), task).id


@pytest.mark.parametrize(
    "grid",
    [
        {"n_inputs": [31, 21]},
        {"n_inputs": [31, 21], "data.n_patterns": [7, 30]},
        {"n_inputs": [31, 21], "algorithms.SGD.epochs": [2, 4]},
        {"n_inputs": [31, 21], "algorithms.*.batch_size": [7, 100]},
        {"n_inputs": [31, 21], "data.n_patterns": f"{30 / 21} * data.n_inputs"},
    ],
    ids=in_order,
)
def test_where_a_point_lies_on_the_grid_changes_no_id(grid):
    """What is swept besides, in which order, or follows something else: the numbers depend on the values alone."""
    small = spec(grid=grid)
    place = tuple(len(axis.values) - 1 for axis in small.axes)
    for task in ALL:
        moved = Task(task.kind, Cell(place, 0, "SGD"), task.solutions)
        assert task_identity(small, moved) == task_identity(spec(), task)


def test_titles_and_figures_are_no_part_of_what_a_sweep_is():
    others = [{"title": "other"}, {"measure": {"inset_fraction": 0.1}}, {"model": {"allow_ties": True}}]
    assert all(spec(**changes).canonical() == spec().canonical() for changes in others)
    assert spec(seed=4).canonical() != spec().canonical()
    again = from_text(spec(title="other", measure={"inset_fraction": 0.1}).text())
    assert (again.title, again.figure["local_energy"]["inset_fraction"]) == ("other", 0.1)


@pytest.mark.parametrize(
    ("changes", "affected"),
    [
        ({"seed": 4}, ALL),
        ({"data": {"n_patterns": 31}}, ALL),
        ({"data": {"teacher_kind": "gaussian"}}, ALL),
        ({"algorithms": {"SGD": {"epochs": 5}}}, ALL),
        ({"model": {"n_hidden": 7}}, ALL),
        ({"model": {"output_weights": "random"}}, ALL),
        ({"data": {"kind": "random-labels", "latent_dim": None}}, ALL),
        ({"data": {"n_test": 7}}, {ERRORS}),
        ({"measure": {"fractions": [0.05]}}, {ENERGY}),
        ({"measure": {"realizations": 4}}, {ENERGY}),
        ({"measure": {"flips": "independent"}}, {ENERGY}),
        ({"measure": {"method": "exact"}}, {ENERGY}),
        ({"measure": {"orders": 9}}, {PAIR}),
        ({"measure": {"profile_points": 9}}, {PAIR}),
    ],
    ids=in_order,
)
def test_what_changes_a_number_of_a_task_changes_its_id(changes, affected):
    """Paths and local energies do not depend on the test set, nor trainings on what is measured."""
    other = check_settings(without_none(settings(**changes)), "x")
    assert {task for task in ALL if task_identity(other, task) != task_identity(spec(), task)} == affected
    trained_anew = streams(other, SOLUTION)["fit"].id != streams(spec(), SOLUTION)["fit"].id
    assert trained_anew == (affected == ALL)


def without_none(tables):
    return {
        name: {key: value for key, value in table.items() if value is not None} if isinstance(table, dict) else table
        for name, table in tables.items()
    }


@pytest.mark.parametrize("other", [cell(21, 1, "SGD"), cell(31, 0, "SGD"), cell(21, 0, "RSGD")])
def test_other_grid_points_have_other_ids(other):
    for task in ALL:
        moved = Task(task.kind, other, task.solutions)
        assert task_identity(spec(), moved).id != task_identity(spec(), task).id


def test_settings_that_say_the_same_give_the_same_id():
    exact = [spec(measure={"method": "exact", "realizations": n}) for n in (3, 4)]
    assert task_identity(exact[0], ENERGY) == task_identity(exact[1], ENERGY)
    plain = {key: value for key, value in settings().items() if key != "model"}
    one = [check_settings({**plain, "model": {"kind": "perceptron", **units}}, "x") for units in ({}, {"n_hidden": 1})]
    assert all(task_identity(one[0], task) == task_identity(one[1], task) for task in ALL)


def test_a_label_is_not_part_of_a_task():
    renamed = spec(algorithms={"mine": {"kind": "SGD", "epochs": 4}})
    for task in ALL:
        assert task_identity(renamed, Task(task.kind, cell(algorithm="mine"), task.solutions)) == task_identity(
            spec(), task
        )


def test_a_pair_of_two_algorithms_has_a_direction():
    """And its ends may have the same number."""
    small = spec(measure={"pair": {"pairs": "all", "orders": 2}})
    there = Task("across_pair", CELL, (0, 0), to="RSGD")
    back = Task("across_pair", cell(algorithm="RSGD"), (0, 0), to="SGD")
    assert {there, back} <= {*tasks(small)}
    assert task_identity(small, there).id != task_identity(small, back).id
    assert [need.cell.algorithm for need in there.needs] == ["SGD", "RSGD"]


def test_tasks_as_plain_data():
    for task in tasks(spec(measure={"midpoints": 2, "pair": {"pairs": "all"}})):
        assert from_plain(json.loads(json.dumps(to_plain(task)))) == task


@pytest.mark.parametrize(("recipe", "number"), [(1, 1227277993), (2, 424729758), (3, 2433661716)])
def test_seeds_of_a_version_stay_what_they_are(recipe, number, monkeypatch):
    """Numbers already published depend on these streams: changing one is a new schema, no edit of this test."""
    assert bl.SGD.recipe == 3
    monkeypatch.setattr(bl.SGD, "recipe", recipe)
    assert np.random.default_rng(streams(spec(), SOLUTION)["fit"].seed).integers(2**32) == number
