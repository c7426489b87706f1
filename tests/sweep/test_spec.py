import math
import tomllib
import warnings
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from binland import ADV, SGD, CommitteeMachine, Perceptron
from binland.errors import InvalidInputError
from binland.families.shallow import Shallow
from binland.sweep.config import check_settings, from_text, load_spec, spec_of
from binland.sweep.execute import draw
from tests.sweep.small import TEXT, settings, spec, tasks

EXPERIMENTS = Path(__file__).parents[2] / "experiments"


def write(tmp_path, text):
    path = tmp_path / "sweep.toml"
    path.write_text(text)
    return path


def test_a_file_becomes_a_spec_and_smoke_overrides_it(tmp_path):
    path = write(tmp_path, TEXT)
    assert load_spec(path).axes[0].values == (21, 31)
    assert load_spec(path, "smoke").axes[0].values == (21,)
    assert load_spec(path, "smoke").solutions == 2


def test_defaults_are_the_papers():
    plain = check_settings({"model": {"kind": "committee", "n_hidden": 101}, "grid": {"n_inputs": [1001]}}, "x")
    setup = plain.at((0,))
    assert (setup.data.latent_dim, setup.data.n_patterns, setup.data.n_test) == (501, 1503, 10_000)
    assert [task.kind for task in tasks(plain)].count("pair") == 6 * 3
    assert (plain.solutions, plain.measures["pair"][1].orders) == (3, 5)
    assert list(plain.measures) == ["errors", "local_energy", "pair"]
    assert plain.labels == ["RSGD", "SGD", "ADV"]
    assert setup.algorithms["ADV"] == ADV()


def test_labels_name_variants_of_an_algorithm():
    found = spec(algorithms={"wide": {"kind": "SGD", "init_width": 1}, "free": {"kind": "SGD", "ste_window": math.inf}})
    assert found.at((0,)).algorithms["wide"] == SGD(init_width=1.0)
    assert from_text(found.text()).at((0,)).algorithms["free"] == SGD(ste_window=math.inf)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"grid": {"n_inputs": [0]}}, "grid.data.n_inputs = 0: .* greater than or equal to 1"),
        ({"grid": {"n_inputs": []}}, "grid.n_inputs = \\[\\]: is not a list with numbers"),
        ({"grid": {"n_inputs": [5, 5]}}, "grid.n_inputs = \\[5, 5\\]: each value may occur once"),
        (
            {"grid": {"n_inputs": "5"}},
            "grid.data.n_inputs = '5' is neither a list of numbers, .*, nor a number times another",
        ),
        ({"grid": {"n_inputs": [5.0]}}, "grid.data.n_inputs = 5.0: .* valid integer"),
        ({"grid": {"solutions": True}}, "grid.solutions = True: .* valid integer"),
        (
            {"grid": {"solution": 3}},
            "unknown key grid.solution = 3; did you mean solutions\\? allowed: disorder_samples, solutions,",
        ),
        ({"sede": 3}, "unknown key sede = 3; did you mean seed\\?"),
        ({"seed": -1}, "^sweep.toml: seed = -1: .* greater than or equal to 0$"),
        ({"data": {"teacher_kind": "cubic"}}, "data.teacher_kind = 'cubic': .*'binary' or 'gaussian'"),
        ({"model": {"kind": "perceptron"}}, "has neither n_hidden nor output_weights"),
        ({"model": {"kind": "deep"}}, "model.kind = 'deep': is not 'perceptron', 'committee'"),
        ({"model": {"n_hidden": None}}, "needs n_hidden"),
        ({"measure": {"fractions": [0.05, 1.5]}}, "measure.local_energy.fractions.1 = 1.5: .* less than or equal to 1"),
        ({"measure": {"fractions": [math.nan]}}, "measure.local_energy.fractions.0 = nan"),
        (
            {"measure": {"inset_fraction": 0.3}},
            "figure.local_energy: inset_fraction = 0.3 is not one of the fractions \\[0.05, 0.1\\]",
        ),
        ({"algorithms": {"SGD": {"lr": 1.0}}}, "unknown key algorithms.SGD.lr = 1.0; .*allowed: learning_rate"),
        ({"algorithms": {"SGD": {"epochs": "many"}}}, "algorithms.SGD: epochs='many' is not an integer"),
        (
            {"algorithms": {"fast": {}}},
            "algorithms.fast: kind = 'fast' is not one of .*SimulatedAnnealing, SGD, RSGD, ADV",
        ),
        ({"algorithms": {"x": {"kind": ["SGD"]}}}, "kind = \\['SGD'\\] is not one of"),
        ({"algorithms": {"SGD": 3}}, "algorithms.SGD = 3"),
        ({"algorithms": {"RSGD": {"coupling": 2.0}}}, "replicas overshoot"),
        ({"algorithms": {"SGD": {}, "copy": {"kind": "SGD"}}}, "algorithms.copy has the settings of SGD"),
        ({"grid": {"n_inputs": [10**20]}}, "grid.data.n_inputs = 1000.*less than or equal to"),
        ({"grid": {"n_inputs": [10_000_000]}, "model": {"n_hidden": 1000}}, "weights; at most 1000000000"),
        ({"title": "a\0b"}, "title = "),
        ({"measure": {"fractions": [0.1, 0.1]}}, "each fraction may occur once"),
        ({"grid": 3}, "grid = 3"),
        (
            {"grids": {"n_inputs": [3]}, "grid": {"n_inputs": [0]}},
            r"unknown key grids = .*did you mean grid\? allowed: title, ",
        ),
        (
            {"data": {"latent_dims": 3, "n_test": 0, "n_patterns": 0}},
            r"did you mean latent_dim\?.*\(and 2 more errors\)$",
        ),
        ({"model": {"kind": "comittee"}}, r"'comittee': is not .*'committee'.*; did you mean committee\?$"),
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
    with pytest.raises(InvalidInputError, match=r"^x: unknown key grids = .*; did you mean grid\? allowed: title, "):
        check_settings({"model": {"kind": "perceptron"}, "grids": {"n_inputs": [3]}}, "x")


@pytest.mark.parametrize("change", [{"title": "x" * 1001}, {"algorithms": {"x" * 1001: {"kind": "SGD"}}}])
def test_texts_are_short_in_a_file_and_may_be_longer_in_results(change):
    with pytest.raises(InvalidInputError, match=r"^x: .* has 1001 letters; at most 1000$"):
        spec_of(settings(**change), "x")
    assert check_settings(settings(**change), "x").axes[0].values == (21, 31)


def test_a_missing_section_is_named():
    for sections in ({"grid": {"n_inputs": [3]}}, {"model": {}, "data": {"name": "mnist"}}):
        with pytest.raises(InvalidInputError, match=r"^x: model.kind is missing; set it to .*'committee'"):
            check_settings(sections, "x")
    with pytest.raises(InvalidInputError, match=r"^x: data.n_inputs is missing; add it$"):
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


def swept(tables=TEXT, **changes):
    """The sweep of a text in which some lines are others."""
    for old, new in changes.values():
        assert old in tables
        tables = tables.replace(old, new)
    return check_settings({key: value for key, value in tomllib.loads(tables).items() if key != "smoke"}, "x")


N_INPUTS = "n_inputs = [21, 31]"


@pytest.mark.parametrize(
    ("line", "axes", "last"),
    [
        ('"data.n_patterns" = [7, 30]', {"n_patterns": (7, 30)}, (21, 30)),
        ("data.n_patterns = [7, 30]", {"n_patterns": (7, 30)}, (21, 30)),
        ("n_patterns = [7, 30]", {"n_patterns": (7, 30)}, (21, 30)),
        (f'{N_INPUTS}\n"data.n_patterns" = [7, 30]', {"n_inputs": (21, 31), "n_patterns": (7, 30)}, (31, 30)),
        (f"data.n_patterns = [7, 30]\n{N_INPUTS}", {"n_patterns": (7, 30), "n_inputs": (21, 31)}, (31, 30)),
        (f'{N_INPUTS}\n"data.n_patterns" = "0.5 * data.n_inputs"', {"n_inputs": (21, 31)}, (31, 16)),
        (f"{N_INPUTS}\ndata.n_patterns = 'data.n_inputs * 2'", {"n_inputs": (21, 31)}, (31, 62)),
        (f"{N_INPUTS}\ndata.n_patterns = 'data.n_inputs / 4'", {"n_inputs": (21, 31)}, (31, 8)),
        (f"{N_INPUTS}\nn_patterns = '3 * model.n_hidden'", {"n_inputs": (21, 31)}, (31, 15)),
        ("data.n_inputs = [21, 31]", {"n_inputs": (21, 31)}, (31, 30)),
        ("", {}, (21, 30)),
        ("n_inputs = [21]", {"n_inputs": (21,)}, (21, 30)),
    ],
)
def test_settings_are_swept_or_follow_others(line, axes, last):
    """Quoted, nested or without their table; what is swept overrides what its table says."""
    found = swept(grid=(N_INPUTS, line), data=("n_test = 50", "n_test = 50\nn_inputs = 21"))
    assert {axis.name: axis.values for axis in found.axes} == axes
    assert len(found.points) == math.prod(map(len, axes.values()))
    data = found.at(found.points[-1]).data
    assert (data.n_inputs, data.n_patterns) == last
    assert from_text(found.text()).text() == found.text()


def test_learning_problems_at_a_constraint_density():
    alpha = ("n_patterns = 30", "alpha = 1.5")
    fixed = swept(data=alpha)
    assert [fixed.at(point).data.n_patterns for point in fixed.points] == [32, 46]
    axis = swept(data=("n_patterns = 30", ""), grid=(N_INPUTS, f"{N_INPUTS}\ndata.alpha = [0.01, 1]"))
    assert [axis.at(point).data.n_patterns for point in axis.points] == [1, 21, 1, 31]
    assert (axis.axes[1].name, axis.axes[1].symbol, axis.axes[1].meaning) == (
        "alpha", "P / N", "constraint density P / N",
    )  # fmt: skip
    random = swept(data=alpha, kind=("latent_dim = 11", 'kind = "random-labels"'))
    assert random.at(random.points[0]).data.n_patterns == 32
    for found in (fixed, axis, random):
        assert from_text(found.text()).canonical() == found.canonical()


def test_settings_of_algorithms_are_swept():
    one = spec(grid={"algorithms.SGD.learning_rate": [0.5, 2]})
    rates = [{label: a.learning_rate for label, a in one.at(point).algorithms.items()} for point in one.points[:2]]
    assert rates == [{"SGD": 0.5, "RSGD": 1.0}, {"SGD": 2.0, "RSGD": 1.0}]
    assert (one.axes[1].name, one.axes[1].meaning) == ("learning_rate", "learning_rate of SGD")
    every = spec(grid={"algorithms": {"*": {"epochs": [1, 2]}}})
    assert {a.epochs for a in every.at((0, 1)).algorithms.values()} == {2}
    follows = spec(
        grid={"algorithms.SGD.learning_rate": "0.1 * data.n_inputs", "algorithms.*.epochs": "data.n_inputs / 2"}
    )
    assert [follows.at(point).algorithms["SGD"].learning_rate for point in follows.points] == [21 * 0.1, 31 * 0.1]
    assert [follows.at(point).algorithms["RSGD"].epochs for point in follows.points] == [10, 16]
    for found in (one, every, follows):
        assert from_text(found.text()).canonical() == found.canonical()


def test_two_axes_of_one_name_have_their_whole_keys_as_names():
    found = spec(
        grid={"n_inputs": "3 * model.n_hidden", "algorithms.SGD.epochs": [1, 2], "algorithms.RSGD.epochs": [3]}
    )
    assert [axis.name for axis in found.axes] == ["algorithms.SGD.epochs", "algorithms.RSGD.epochs"]


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ({"data.n_patterns": [30, 0]}, "grid.data.n_patterns = 0: .* greater than or equal to 1"),
        ({"data.n_patterns": 3}, "grid.data.n_patterns = 3: is not a list with numbers, such as"),
        ({"data": {"n_patterns": [3, "a"]}}, r"grid.data.n_patterns = \[3, 'a'\]: 'a' is not a number"),
        ({"data.n_patterns": [math.nan]}, "nan is not a number"),
        ({"data.n_patterns": [True, 2]}, "True is not a number"),
        ({"data.teacher_kind": ["binary"]}, "'binary' is not a number"),
        (
            {"data.n_pattern": [3]},
            r"unknown key grid: data.n_pattern = \[3\]; did you mean data.n_patterns\? allowed: ",
        ),
        ({"n_pattern": [3]}, r"unknown key grid.n_pattern = \[3\]; did you mean n_patterns\? allowed: "),
        ({"model.kind": [3]}, r"unknown key grid: model.kind = \[3\]; allowed: "),
        ({"data.n_inputs": [7]}, r"grid.data.n_inputs = \[7\]: grid.n_inputs sets it, too; remove one of them"),
        ({"data.n_inputs": "3 * model.n_hidden"}, "grid.n_inputs sets it, too"),
        ({"data.n_test": [3], "n_patterns": [4]}, r"grid: 3 settings are swept \(.*\); at most 2"),
        (
            {"data.n_patterns": [*range(1, 10**5)]},
            "grid: data.n_inputs and data.n_patterns make 199998 points; at most 100000",
        ),
        ({"data.n_patterns": "0.5 * n_inputs"}, 'grid.data.n_patterns = .* neither .* nor .* "0.5 \\* data.n_inputs"'),
        ({"data.n_patterns": "data.n_inputs / 0"}, "grid.data.n_patterns = 'data.n_inputs / 0' is neither "),
        ({"data.n_patterns": "data.n_input"}, "'data.n_input': data.n_input is not a number of"),
        ({"data.n_patterns": "data.teacher_kind"}, "data.teacher_kind is not a number of"),
        ({"data.n_patterns": "-2 * data.n_inputs"}, "grid.data.n_patterns = -42: .* greater than or equal to 1"),
        ({"data.n_patterns": "1e-9 * data.n_inputs"}, "grid.data.n_patterns = 0: .* greater than or equal to 1"),
        ({"data.n_patterns": "1e308 * data.n_inputs"}, "grid.data.n_patterns = inf: "),
        ({"algorithms.*.epochs": "1e308 * data.n_inputs"}, "algorithms.SGD: epochs=inf is not an integer"),
        ({"data.n_patterns": "data.n_patterns"}, "data.n_patterns follows another setting itself; name that one"),
        (
            {"data.n_patterns": "2 * data.latent_dim", "data.latent_dim": "2 * data.n_inputs"},
            "grid.data.n_patterns = .*: data.latent_dim follows another setting itself; name that one",
        ),
        ({"data.alpha": [0.5]}, "alpha = 0.5 and n_patterns = 30 are two ways to say one thing"),
        ({"algorithms.SGD.learning_rate": [1, -1]}, r"learning_rate=-1 is not .* \(grid: .*learning_rate = -1\)$"),
        ({"algorithms.SGD.lr": [1]}, r"unknown key algorithms.SGD.lr = \[1\]; allowed: learning_rate, "),
        ({"algorithms.*.replicas": [1]}, r"unknown key algorithms.SGD.replicas = \[1\]"),
        ({"algorithms.SDG.epochs": [1]}, r"grid.algorithms.SDG.epochs = \[1\]: .* with a label of SGD, RSGD, \*$"),
        ({"algorithms.epochs": [1]}, r"grid.algorithms.epochs = \[1\]: is not algorithms.LABEL.SETTING"),
        (
            {"algorithms.SGD.epochs": [1], "algorithms": {"*": {"epochs": [2]}}},
            "grid.algorithms.SGD.epochs sets it, too",
        ),
        ({"solutions": [1, 2]}, r"grid.solutions = \[1, 2\]: .* valid integer"),
    ],
    ids=str,
)
def test_a_bad_grid_is_one_line(grid, message):
    with pytest.raises(InvalidInputError, match=message) as caught:
        spec(grid=grid)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"data": {"kind": "hidden-manifolds"}},
            "^x: data.kind = 'hidden-manifolds': is not .*; did you mean hidden-manifold\\?$",
        ),
        ({"data": {"kind": 3}}, "^x: data.kind = 3: is not 'arrays', 'gaussian', 'hidden-manifold'"),
        (
            {"data": {"kind": "random-labels"}},
            "^x: unknown key data.latent_dim = 11; allowed: n_patterns, alpha, n_inputs, n_test$",
        ),
        ({"model": {"kind": ["mlp"]}}, r"^x: model.kind = \['mlp'\]: is not 'perceptron', "),
        ({"data": {"alpha": -1.0}}, "^x: data.alpha = -1.0: .* greater than 0"),
        (
            {"data": {"latent_dim": 10**400}, "grid": {"n_patterns": "data.latent_dim"}},
            "^x: grid.data.n_patterns = .*latent_dim is not a",
        ),
        ({"data": {"alpha": 1.5}}, "^x: data: alpha = 1.5 and n_patterns = 30 are two ways"),
        (
            {"measure": {"local_enrgy": True}},
            r"^x: unknown key measure.local_enrgy = True; did you mean local_energy\? allowed: ",
        ),
        ({"measure": {"pairs": "all"}}, r"^x: unknown key measure.pairs = 'all'; did you mean pair\? allowed: "),
        ({"measure": {"pair": 3}}, "^x: measure.pair = 3 is not a table, true or false$"),
        ({"measure": {"errors": 3}}, "^x: measure.errors = 3 is not a table, true or false$"),
        ({"measure": {"pair": {"pairs": "some"}}}, "^x: measure.pair.pairs = 'some': .* 'within' or 'all'$"),
        (
            {"measure": {"pair": {"pairs": "all"}}, "grid": {"solutions": 1}},
            "^x: measure.pair looks at 2 solutions; set",
        ),
        ({"measure": {"local_energy": {"fraction": [0.1]}}}, r"did you mean fractions\? allowed: "),
        ({"measure": {"plane": True}, "grid": {"solutions": 2}}, "^x: measure.plane "),
        ({"measure": {"bend": {"midpoints": 0}}}, "^x: measure.bend.midpoints = 0: "),
        (
            {"measure": {"bend": {"midpoint_algorithm": "SDG"}}},
            "^x: measure.bend: .* is not one of the algorithms SGD, RSGD$",
        ),
        (
            {"measure": {"bend": True}, "grid": {"solutions": 1}},
            "^x: measure.bend looks at 2 solutions; set grid.solutions",
        ),
        ({"measure": {"bend": True}, "algorithms": {"RSGD": {}}}, "^x: measure.bend: needs an algorithm"),
        (
            {"figure": {"local_energies": {}}},
            r"^x: unknown key figure.local_energies = {}; did you mean local_energy\?",
        ),
        (
            {"figure": {"local_energy": {"inset": 3}}},
            "^x: unknown key figure.local_energy.inset = 3; allowed: inset_frac",
        ),
        ({"figure": {"local_energy": 3}}, "^x: figure.local_energy = 3 is not a table$"),
        ({"figure": 3, "measure": {"inset_fraction": 0.1}}, "^x: figure = 3 is not a table$"),
        ({"compute": {"device": "cpu"}}, "^x: unknown key compute.device = 'cpu'; allowed: none$"),
        ({"plugins": "none"}, "^x: plugins = 'none': .* valid list$"),
        ({"plugins": [3]}, "^x: plugins: 3 is not the name of a module"),
        ({"plugins": ["no_such_module"]}, "^x: plugins: 'no_such_module' cannot be imported .*; mend it$"),
    ],
    ids=str,
)
def test_a_bad_problem_or_measure_is_one_line(changes, message):
    with pytest.raises(InvalidInputError, match=message) as caught:
        check_settings(settings(**changes), "x")
    assert "\n" not in str(caught.value)


def test_a_measure_that_a_family_cannot_make_is_refused_unless_it_is_one_by_default(monkeypatch):
    monkeypatch.setattr(Shallow, "midpoint", None)
    monkeypatch.setattr(Shallow, "independent_local_energy", None)
    lost = "is not for model.kind = 'committee', which has no"
    with pytest.raises(InvalidInputError, match=rf"^x: measure.bend {lost} midpoint; remove it$"):
        check_settings(settings(measure={"bend": True}), "x")
    with pytest.raises(InvalidInputError, match=rf"^x: measure.local_energy {lost} independent_local_energy"):
        check_settings(settings(measure={"flips": "independent"}), "x")
    monkeypatch.setattr(Shallow, "local_energy", None)
    assert [*check_settings({**settings(), "measure": {}}, "x").measures] == ["errors", "pair"]


@pytest.mark.parametrize(
    "off", [("local_energy",), ("errors",), ("pair",), ("errors", "local_energy", "pair")], ids=str
)
def test_measures_are_switched_off(off):
    """Flat keys of theirs, as of old configurations, do not switch them on again."""
    found = spec(measure=dict.fromkeys(off, False))
    assert {*found.measures} == {"errors", "local_energy", "pair"} - {*off}
    assert {task.kind for task in tasks(found)} == {"solution", *found.measures}
    again = from_text(found.text())
    assert (again.text(), [*again.measures]) == (found.text(), [*found.measures])


def test_flat_keys_of_measures_are_settings_of_theirs():
    flat = {"midpoints": 2, "flips": "independent", "inset_fraction": 0.05, "profile_points": 7}
    paths = {"orders": 2, "profile_points": 7}
    tables = settings(measure=flat)
    new = {
        "local_energy": {"fractions": [0.05, 0.1], "realizations": 3, "flips": "independent"},
        "pair": paths,
        "bend": {**paths, "midpoints": 2},
    }
    now = {**tables, "measure": new, "figure": {"local_energy": {"inset_fraction": 0.05}}}
    assert check_settings(tables, "x").text() == check_settings(now, "x").text()


def test_pairs_of_two_algorithms_are_tasks_of_their_own():
    found = tasks(spec(measure={"pair": {"pairs": "all"}}))
    between = [task for task in found if task.kind == "across_pair"]
    assert len(found) == len(set(found)) == 2 * 2 * (2 * 8 + 2 * 4)
    assert len(between) == 2 * 2 * 2 * 4
    assert all(task.to not in ("", task.cell.algorithm) for task in between)
    assert all(found.index(need) < place for place, task in enumerate(found) for need in task.needs)


def test_canonical_text_does_not_depend_on_the_order_of_keys():
    plain = settings()
    turned = {key: dict(reversed(value.items())) if isinstance(value, dict) else value for key, value in plain.items()}
    assert check_settings(dict(reversed(turned.items())), "x").canonical() == spec().canonical()


def test_machines_of_a_spec():
    assert draw(spec(), (0,), 0).model == CommitteeMachine(21, 5)
    perceptron = {**settings(), "model": {"kind": "perceptron"}}
    assert draw(check_settings(perceptron, "x"), (0,), 0).model == Perceptron(21)
    drawn = [draw(spec(model={"output_weights": "random"}), (0,), disorder).model for disorder in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_measurements_come_after_the_solutions_they_need():
    found = tasks(spec())
    assert len(found) == len(set(found)) == 2 * 2 * 2 * (2 + 2 + 2 + 2)
    for place, task in enumerate(found):
        assert bool(task.needs) == (task.kind != "solution")
        assert all(found.index(need) < place for need in task.needs)
        assert all(need.kind == "solution" for need in task.needs)


@pytest.mark.parametrize("path", sorted(EXPERIMENTS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_experiment_is_valid_and_has_a_smaller_smoke_profile(path):
    full, smoke = load_spec(path), load_spec(path, "smoke")
    assert all(max(a.values) <= max(b.values) for a, b in zip(smoke.axes, full.axes, strict=True))
    assert len(tasks(smoke)) <= len(tasks(full))
    assert smoke.labels == full.labels
