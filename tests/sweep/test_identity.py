import hashlib
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from binland.sweep.identity import identify
from binland.sweep.spec import check_settings
from binland.sweep.tasks import Cell, PairTask, SolutionTask, all_tasks, from_plain, streams, task_identity, to_plain
from tests.sweep.small import settings, spec

CELL = Cell(21, 0, "SGD")
SOLUTION, PAIR = SolutionTask(CELL, 0), PairTask(CELL, 0, 1)

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), values, max_size=5))
def test_ids_do_not_depend_on_the_order_of_keys(value):
    assert identify(dict(reversed(value.items()))).id == identify(value).id
    assert identify(json.loads(identify(value).text)).id == identify(value).id


def test_the_steps_from_value_to_seed_can_be_followed_by_hand():
    identity = task_identity(spec(), SOLUTION)
    assert json.loads(identity.text) == identity.value
    assert identity.id == hashlib.sha256(identity.text.encode()).hexdigest()
    assert identity.seed.entropy == int(identity.id, 16)
    assert identity.value["streams"] == {name: stream.id for name, stream in streams(spec(), SOLUTION).items()}


def test_every_task_and_every_stream_has_an_id_of_its_own():
    tasks = all_tasks(spec())
    ids = [task_identity(spec(), task).id for task in tasks]
    ids += [stream.id for task in tasks for stream in streams(spec(), task).values()]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("task", [SOLUTION, PAIR])
@pytest.mark.parametrize(
    "changes",
    [
        {"grid": {"n_inputs": [31, 21, 41]}},
        {"grid": {"disorder_samples": 9, "solutions": 5}},
        {"title": "other", "algorithms": {"SGD": {"epochs": 4}}},
        {"model": {"allow_ties": True}},
        {"measure": {"inset_fraction": 0.1}},
        {"store": {"latents": True}},
    ],
)
def test_what_changes_no_number_of_a_task_does_not_change_its_id(task, changes):
    assert task_identity(spec(**changes), task).id == task_identity(spec(), task).id


@pytest.mark.parametrize(
    ("changes", "affected"),
    [
        ({"seed": 4}, {SOLUTION, PAIR}),
        ({"data": {"n_patterns": 31}}, {SOLUTION, PAIR}),
        ({"data": {"teacher_kind": "gaussian"}}, {SOLUTION, PAIR}),
        ({"algorithms": {"SGD": {"epochs": 5}}}, {SOLUTION, PAIR}),
        ({"model": {"n_hidden": 7}}, {SOLUTION, PAIR}),
        ({"model": {"output_weights": "random"}}, {SOLUTION, PAIR}),
        ({"data": {"n_test": 7}}, {SOLUTION}),
        ({"measure": {"fractions": [0.05]}}, {SOLUTION}),
        ({"measure": {"realizations": 4}}, {SOLUTION}),
        ({"measure": {"flips": "independent"}}, {SOLUTION}),
        ({"measure": {"method": "exact"}}, {SOLUTION}),
        ({"measure": {"orders": 9}}, {PAIR}),
        ({"measure": {"profile_points": 9}}, {PAIR}),
    ],
)
def test_what_changes_a_number_of_a_task_changes_its_id(changes, affected):
    """A pair does not depend on the test set, nor a solution on the paths; trained weights on neither."""
    changed = {task for task in (SOLUTION, PAIR) if task_identity(spec(**changes), task) != task_identity(spec(), task)}
    assert changed == affected
    trained_anew = streams(spec(**changes), SOLUTION)["fit"].id != streams(spec(), SOLUTION)["fit"].id
    assert trained_anew == (affected == {SOLUTION, PAIR})


@pytest.mark.parametrize("other", [Cell(21, 1, "SGD"), Cell(31, 0, "SGD"), Cell(21, 0, "RSGD")])
def test_other_grid_points_have_other_ids(other):
    assert task_identity(spec(), SolutionTask(other, 0)).id != task_identity(spec(), SOLUTION).id
    assert task_identity(spec(), PairTask(other, 0, 1)).id != task_identity(spec(), PAIR).id


def test_settings_that_say_the_same_give_the_same_id():
    exact = [spec(measure={"method": "exact", "realizations": n}) for n in (3, 4)]
    assert task_identity(exact[0], SOLUTION) == task_identity(exact[1], SOLUTION)
    plain = {key: value for key, value in settings().items() if key != "model"}
    one = [check_settings({**plain, "model": {"kind": "perceptron", **units}}, "x") for units in ({}, {"n_hidden": 1})]
    assert task_identity(one[0], SOLUTION) == task_identity(one[1], SOLUTION)


def test_a_label_is_not_part_of_a_task():
    renamed = spec(algorithms={"mine": {"kind": "SGD", "epochs": 4}})
    assert task_identity(renamed, SolutionTask(Cell(21, 0, "mine"), 0)) == task_identity(spec(), SOLUTION)


def test_tasks_as_plain_data():
    for task in all_tasks(spec()):
        assert from_plain(json.loads(json.dumps(to_plain(task)))) == task


def test_seeds_of_a_version_stay_what_they_are():
    """Numbers already published depend on these streams: changing one is a new schema, not an edit of this test."""
    drawn = np.random.default_rng(streams(spec(), SOLUTION)["fit"].seed).integers(2**32)
    assert drawn == 1227277993
