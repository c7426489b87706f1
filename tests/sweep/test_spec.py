import math
import warnings
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from binland import ADV, SGD, CommitteeMachine, Perceptron
from binland.errors import InvalidInputError
from binland.sweep.shallow import SHALLOW
from binland.sweep.spec import check_settings, load_spec, parse_canonical, spec_of
from binland.sweep.tasks import PairTask, SolutionTask, all_tasks
from tests.sweep.small import TEXT, settings, spec

EXPERIMENTS = Path(__file__).parents[2] / "experiments"


def write(tmp_path, text):
    path = tmp_path / "sweep.toml"
    path.write_text(text)
    return path


def test_a_file_becomes_a_spec_and_smoke_overrides_it(tmp_path):
    path = write(tmp_path, TEXT)
    assert load_spec(path).grid.n_inputs == [21, 31]
    assert load_spec(path, "smoke").grid.n_inputs == [21]
    assert load_spec(path, "smoke").grid.solutions == 2


def test_defaults_are_the_papers():
    plain = check_settings({"model": {"kind": "committee", "n_hidden": 101}, "grid": {"n_inputs": [1001]}}, "x")
    assert (plain.data.latent_dim, plain.data.n_patterns, plain.data.n_test) == (501, 1503, 10_000)
    assert (plain.grid.solutions, len(plain.pairs()), plain.measure.orders) == (3, 6, 5)
    assert list(plain.algorithms) == ["RSGD", "SGD", "ADV"]
    assert plain.algorithm("ADV") == ADV()


def test_labels_name_variants_of_an_algorithm():
    found = spec(algorithms={"wide": {"kind": "SGD", "init_width": 1}, "free": {"kind": "SGD", "ste_window": math.inf}})
    assert found.algorithm("wide") == SGD(init_width=1.0)
    assert parse_canonical(found.canonical()).algorithm("free") == SGD(ste_window=math.inf)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"grid": {"n_inputs": [0]}}, "grid.n_inputs.0 = 0: .* greater than or equal to 1"),
        ({"grid": {"n_inputs": []}}, "grid.n_inputs = \\[\\]: .* at least 1 item"),
        ({"grid": {"n_inputs": [5, 5]}}, "each N may occur once"),
        ({"grid": {"n_inputs": "5"}}, "grid.n_inputs = '5': .* valid list"),
        ({"grid": {"n_inputs": [5.0]}}, "grid.n_inputs.0 = 5.0: .* valid integer"),
        ({"grid": {"solutions": True}}, "grid.solutions = True: .* valid integer"),
        ({"grid": {"solution": 3}}, "unknown key grid.solution = 3; did you mean solutions\\? allowed: n_inputs"),
        ({"sede": 3}, "unknown key sede = 3; did you mean seed\\?"),
        ({"seed": -1}, "seed = -1"),
        ({"data": {"teacher_kind": "cubic"}}, "data.teacher_kind = 'cubic': .*'binary' or 'gaussian'"),
        ({"model": {"kind": "perceptron"}}, "has neither n_hidden nor output_weights"),
        ({"model": {"kind": "deep"}}, "model.kind = 'deep': .*'perceptron' or 'committee'"),
        ({"model": {"n_hidden": None}}, "needs n_hidden"),
        ({"measure": {"fractions": [0.05, 1.5]}}, "measure.fractions.1 = 1.5: .* less than or equal to 1"),
        ({"measure": {"fractions": [math.nan]}}, "measure.fractions.0 = nan"),
        ({"measure": {"inset_fraction": 0.3}}, "inset_fraction = 0.3 is not one of the fractions"),
        ({"algorithms": {"SGD": {"lr": 1.0}}}, "unknown key algorithms.SGD.lr = 1.0; .*allowed: learning_rate"),
        ({"algorithms": {"SGD": {"epochs": "many"}}}, "algorithms.SGD: epochs='many' is not an integer"),
        ({"algorithms": {"fast": {}}}, "algorithms.fast: kind = 'fast' is not one of RSGD, SGD, ADV"),
        ({"algorithms": {"x": {"kind": ["SGD"]}}}, "kind = \\['SGD'\\] is not one of"),
        ({"algorithms": {"SGD": 3}}, "algorithms.SGD = 3"),
        ({"algorithms": {"RSGD": {"coupling": 2.0}}}, "replicas overshoot"),
        ({"algorithms": {"SGD": {}, "copy": {"kind": "SGD"}}}, "algorithms.copy has the settings of SGD"),
        ({"grid": {"n_inputs": [10**20]}}, "grid.n_inputs.0 = 1000.*less than or equal to"),
        ({"grid": {"n_inputs": [10_000_000]}, "model": {"n_hidden": 1000}}, "weights; at most 1000000000"),
        ({"title": "a\0b"}, "title = "),
        ({"measure": {"fractions": [0.1, 0.1]}}, "each fraction may occur once"),
        ({"grid": 3}, "grid = 3"),
        (
            {"grids": {"n_inputs": [3]}, "grid": {"n_inputs": [0]}},
            r"unknown key grids = .*did you mean grid\? .*more error\)$",
        ),
        (
            {"data": {"latent_dims": 3, "n_test": 0, "n_patterns": 0}},
            r"did you mean latent_dim\?.*\(and 2 more errors\)$",
        ),
        ({"model": {"kind": "comittee"}}, r"'comittee': is not .*'committee'; did you mean committee\?$"),
        ({"x" * 10**6: 3}, r"unknown key xxx.*\.\.\. = 3; allowed: title, "),
        ({"algorithms": {"SGD": {"learning_rate": 10**400}}}, "learning_rate=1000.* is not a number from 1e-12 to"),
    ],
)
def test_a_bad_value_gets_one_line_with_key_value_and_what_is_allowed(changes, message):
    with pytest.raises(InvalidInputError, match=message) as caught:
        check_settings(settings(**changes), "sweep.toml")
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("sweep.toml: ")


def test_a_mistyped_section_is_named_before_what_it_leaves_missing():
    with pytest.raises(
        InvalidInputError, match=r"^x: unknown key grids = .*; did you mean grid\? .*\(and 1 more error\)$"
    ):
        check_settings({"model": {"kind": "perceptron"}, "grids": {"n_inputs": [3]}}, "x")


@pytest.mark.parametrize("change", [{"title": "x" * 1001}, {"algorithms": {"x" * 1001: {"kind": "SGD"}}}])
def test_texts_are_short_in_a_file_and_may_be_longer_in_results(change):
    with pytest.raises(InvalidInputError, match=r"^x: .* has 1001 letters; at most 1000$"):
        spec_of(settings(**change), "x")
    assert check_settings(settings(**change), "x").grid.n_inputs == [21, 31]


def test_a_missing_section_is_named():
    for sections in ({"grid": {"n_inputs": [3]}}, {"model": {}, "data": {"name": "mnist"}}):
        with pytest.raises(InvalidInputError, match=r"^x: model.kind is missing; set it to .*'committee'"):
            check_settings(sections, "x")
    with pytest.raises(InvalidInputError, match=r"^x: grid is missing; add it"):
        check_settings({"model": {"kind": "perceptron"}}, "x")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a = ", "not valid TOML"),
        (b"a = 1\na = 2", "not valid TOML"),
        (b"\xff\xfe", "is not UTF-8"),
        (b"smoke = 3", "smoke = 3 is not a table"),
    ],
)
def test_a_file_that_is_no_config_is_refused(tmp_path, content, message):
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    with pytest.raises(InvalidInputError, match=message) as caught:
        load_spec(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InvalidInputError, match="cannot read it"):
        load_spec(tmp_path / "none.toml")


def test_a_bad_smoke_table_is_found_without_asking_for_it(tmp_path):
    path = write(tmp_path, TEXT + "solutions = 0\n")
    with pytest.raises(InvalidInputError, match=r"with \[smoke\]: grid.solutions = 0"):
        load_spec(path)


JSONISH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(["seed", "title", "data", "model", "grid", "algorithms", "measure", "other"]), JSONISH)
def test_rubbish_is_refused_in_one_line_or_valid(section, rubbish):
    message = ""
    try:
        check_settings({**settings(), section: rubbish}, "sweep.toml")
    except InvalidInputError as error:
        message = str(error)
    assert "\n" not in message


@pytest.mark.parametrize(("n_inputs", "n_hidden"), [([21, 30], 5), ([21], 6)])
def test_even_sizes_warn_unless_asked_for(tmp_path, n_inputs, n_hidden):
    text = TEXT.replace("n_inputs = [21, 31]", f"n_inputs = {n_inputs}").replace(
        "n_hidden = 5", f"n_hidden = {n_hidden}"
    )
    with pytest.warns(UserWarning, match="has ties, where sign\\(0\\) counts as \\+1"):
        load_spec(write(tmp_path, text))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_spec(write(tmp_path, text.replace("[model]", "[model]\nallow_ties = true")))


def test_canonical_text_does_not_depend_on_the_order_of_keys():
    plain = settings()
    turned = {key: dict(reversed(value.items())) if isinstance(value, dict) else value for key, value in plain.items()}
    assert check_settings(dict(reversed(turned.items())), "x").canonical() == spec().canonical()


def test_machines_of_a_spec():
    assert SHALLOW.machine(spec(), 21, 0) == CommitteeMachine(21, 5)
    perceptron = {**settings(), "model": {"kind": "perceptron"}}
    assert SHALLOW.machine(check_settings(perceptron, "x"), 21, 0) == Perceptron(21)
    drawn = [SHALLOW.machine(spec(model={"output_weights": "random"}), 21, disorder) for disorder in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_pairs_come_after_the_solutions_they_need():
    tasks = all_tasks(spec())
    assert len(tasks) == len(set(tasks)) == 2 * 2 * 2 * (2 + 2)
    for place, task in enumerate(tasks):
        if isinstance(task, PairTask):
            assert all(tasks.index(need) < place for need in task.needs)
            assert all(isinstance(need, SolutionTask) for need in task.needs)


@pytest.mark.parametrize("path", sorted(EXPERIMENTS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_experiment_is_valid_and_has_a_smaller_smoke_profile(path):
    full, smoke = load_spec(path), load_spec(path, "smoke")
    assert max(smoke.sizes) <= max(full.sizes)
    assert len(all_tasks(smoke)) <= len(all_tasks(full))
    assert list(smoke.algorithms) == list(full.algorithms)
