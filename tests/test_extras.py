"""What works without an extra of the installation, and the one line that names it."""

import re
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

import binland as bl
from binland import extras
from tests.hiding import binland, python

ROOT = Path(__file__).parents[1]
EVERY = {module for modules in extras.MODULES.values() for module in modules}
DEEP_ALONE = EVERY - {*extras.MODULES["deep"], "cloudpickle", "threadpoolctl"}  # these two come with scikit-learn
BEYOND_SWEEP = EVERY - {*extras.SWEEP}
OF_SWEEPS = {"Sweep", "report", "load_problem", "load_results", "load_solution", "register", "run_sweep"}
FAILING = """
from importlib import import_module
package = import_module(sys.argv[1])
for name in package.__all__:
    try:
        getattr(package, name)
    except ModuleNotFoundError as error:
        print(name, error, sep=": ")
"""
IN_MEMORY = """
import numpy as np, binland as bl
manifold = bl.HiddenManifold(n_inputs=31, latent_dim=15, seed=0)
train = manifold.sample(40, seed=1)
machine = bl.CommitteeMachine(n_inputs=31, n_hidden=3)
flat = bl.fit(machine, train, bl.RSGD(epochs=3), seed=0)
sharp = bl.fit(machine, train, bl.ADV(epochs=3), seed=1)
bl.fit(bl.Perceptron(31), train, bl.FBP(), seed=0)
bl.local_energy(flat, train, fractions=[0.05], seed=0)
bl.local_energy(flat, train, fractions=[0.05], method="exact")
end = bl.align(sharp, to=flat).solution
bl.shortest_path(flat, end, train, seed=0), bl.shortest_path(flat, end, train, order="guided")
bl.barrier(flat, end, train, seed=0), bl.optimized_path(flat, end, train, seed=0)
bl.plane(flat, sharp, bl.fit(machine, train, bl.SGD(epochs=3), seed=2), train, points=3)
bl.enumerate_solutions(bl.Perceptron(9), bl.Patterns.random(5, 9, seed=0))
bl.theory.capacity(), bl.theory.random_labels(0.4), bl.spherical.overlap(1.0, -0.5)
flat.save("flat.safetensors")
assert (bl.load("flat.safetensors").weights == flat.weights).all()
np.savez("data.npz", inputs=train.inputs, labels=train.labels)
assert flat.error(bl.load_patterns("data.npz")) == flat.error(train)
"""
DEEP = """
import deepbridge as db
train, test = db.load("digits")
network = db.BinaryMLP(64, (9,), 10)
one, two = db.fit_many(network, train, db.SGD(epochs=1), [0, 1])
db.local_energy(one, train, [0.05], seed=0), db.barrier(one, db.align(two, to=one).solution, train, seed=0)
one.save("one.safetensors")
assert db.load_solution("one.safetensors").error(test) == one.error(test)
db.fit(db.MLP(64, (9,)), train, db.continuous.SGD(epochs=1), 0)
"""
SWEEP = """
[model]
kind = "perceptron"
[data]
latent_dim = 5
n_patterns = 9
n_test = 9
[grid]
n_inputs = [11]
[algorithms.SGD]
epochs = 2
"""


def line(what, module, extra):
    return f"{what} needs {module}: pip install '.[{extra}]' in a clone of binland"


def declared(extra):
    """The distributions that an extra brings, those of the extras in it too."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found = set()
    for requirement in project["optional-dependencies"][extra]:
        name, inner = re.match(r"([\w-]+)(?:\[(.*)\])?", requirement).groups()
        found |= {one for part in inner.split(",") for one in declared(part)} if name == "binland" else {name}
    return found


@pytest.mark.parametrize("extra", extras.MODULES)
def test_modules_are_those_that_pyproject_declares(extra):
    owners = packages_distributions()
    distributions = {owners[module][0].lower().replace("_", "-") for module in extras.MODULES[extra]}
    assert distributions == declared(extra)


def test_all_is_what_users_can_install():
    assert declared("all") == set().union(*map(declared, extras.MODULES))
    assert declared("all") < declared("test")


def test_without_any_extra_sweeps_are_missing_and_nothing_else():
    found = python(EVERY, FAILING, "binland")
    assert found.stderr == ""
    lines = dict(row.split(": ", 1) for row in found.stdout.splitlines())
    assert lines.keys() == OF_SWEEPS < {*bl.__all__}
    for name, said in lines.items():
        extra = "report" if name == "report" else "sweep"
        assert re.fullmatch(line(rf"binland\.{name}", r"\w+", extra).replace(".[", r"\.\["), f"{said}"), said


@pytest.mark.parametrize("package", ["binland.theory", "binland.spherical"])
def test_theory_needs_no_extra(package):
    found = python(EVERY, FAILING, package)
    assert (found.stdout, found.stderr) == ("", "")


def test_what_is_computed_in_memory_needs_no_extra(tmp_path):
    found = python(EVERY, IN_MEMORY, cwd=tmp_path)
    assert found.returncode == 0, found.stderr


def test_hdf5_patterns_need_an_extra(tmp_path):
    (tmp_path / "x.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    found = python(extras.SWEEP, "import binland as bl\nbl.load_patterns('x.h5')", cwd=tmp_path)
    assert found.stderr.splitlines()[-1] == f"ModuleNotFoundError: {line('x.h5: an HDF5 file', 'h5py', 'sweep')}"


@pytest.mark.parametrize("code", ["plot_results", "panels('x.h5')", "plot_panel('x.h5', 'barrier')"])
def test_figures_of_files_need_an_extra(code):
    found = python(EVERY, f"import binland as bl\nbl.plots.{code}")
    said = found.stderr.splitlines()[-1]
    assert re.fullmatch(r"ModuleNotFoundError: .* needs \w+: pip install '\.\[plot\]' in a clone of binland", said), (
        said
    )


@pytest.mark.parametrize("module", ["plotly", "jinja2"])
def test_a_report_needs_its_extra(tmp_path, module):
    (tmp_path / "x.toml").write_text(SWEEP)
    code = "import binland as bl\nbl.run_sweep('x.toml', 'x.h5', progress=False)\nbl.report('x.h5', 'x.html')"
    said = python({module}, code, cwd=tmp_path).stderr.splitlines()[-1]
    assert said == f"ModuleNotFoundError: {line('binland.report', module, 'report')}"


DRAWN = """
import binland as bl
train = bl.Patterns.random(9, 11, seed=0)
a, b = (bl.fit(bl.Perceptron(11), train, bl.SGD(epochs=1), seed=k) for k in (0, 1))
from matplotlib.figure import Figure
bl.plots.plot_path(bl.shortest_path(a, b, train, seed=0), Figure().subplots())
"""


def test_single_results_are_drawn_with_matplotlib_alone():
    found = python(EVERY - {"matplotlib"}, DRAWN)
    assert found.returncode == 0, found.stderr
    found = python(
        EVERY, DRAWN.replace("from matplotlib.figure import Figure\n", "").replace("Figure().subplots()", "None")
    )
    assert found.stderr.splitlines()[-1] == f"ModuleNotFoundError: {line('drawing', 'matplotlib', 'plot')}"


def test_deep_networks_need_their_extra_alone(tmp_path):
    found = python(DEEP_ALONE, DEEP, cwd=tmp_path)
    assert found.returncode == 0, found.stderr


def test_names_of_deep_networks_without_torch():
    lines = python(EVERY, FAILING, "deepbridge").stdout.splitlines()
    assert {"fit", "align", "load_solution", "from_module"} <= {row.split(": ")[0] for row in lines}
    for row in lines:
        name = row.split(": ")[0]
        assert row == f"{name}: {line(f'deepbridge.{name}', 'torch', 'deep')}"


COMMANDS = {
    "sweep": ("sweep", "x.toml", "--out", "x.h5"),
    "dry run": ("sweep", "x.toml", "--dry-run"),
    "status": ("status", "x.h5"),
    "export": ("export", "x.h5", "--csv", "x.csv"),
    "merge": ("merge", "x.h5", "--out", "y.h5"),
    "info": ("info", "x.h5"),
    "plot": ("plot", "x.h5"),
    "report": ("report", "x.h5"),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_without_its_extra_is_one_line(tmp_path, command):
    (tmp_path / "x.toml").write_text(SWEEP)
    found = binland(EVERY, *COMMANDS[command], cwd=tmp_path)
    word = COMMANDS[command][0]
    assert (found.returncode, found.stdout) == (2, "")
    extra = word if word in ("plot", "report") else "sweep"
    assert re.fullmatch(
        rf"error: binland {word} needs \w+: pip install '\.\[{extra}\]' in a clone of binland\n", found.stderr
    )


def test_several_workers_without_certificates_are_one_line(tmp_path):
    (tmp_path / "x.toml").write_text(SWEEP)
    found = binland({"cryptography"}, *COMMANDS["sweep"], "--workers", 2, cwd=tmp_path)
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr == f"error: {line('binland sweep', 'cryptography', 'sweep')}\n"


def test_help_needs_no_extra():
    found = binland(EVERY, "--help")
    assert (found.returncode, found.stderr) == (0, "")
    assert {word for word, *_ in COMMANDS.values()} <= {*found.stdout.split()}


def test_sweeps_do_without_figures_and_torch(tmp_path):
    (tmp_path / "x.toml").write_text(SWEEP)
    for command in ("sweep", "status", "info", "export"):
        more = ("--workers", 1) if command == "sweep" else ()
        found = binland(BEYOND_SWEEP, *COMMANDS[command], *more, cwd=tmp_path)
        assert found.returncode == 0, found.stderr
    found = binland(BEYOND_SWEEP, *COMMANDS["plot"], cwd=tmp_path)
    assert (found.returncode, found.stderr) == (2, f"error: {line('binland plot', 'matplotlib', 'plot')}\n")


def test_a_module_that_no_extra_brings_is_not_explained():
    error = ModuleNotFoundError("No module named 'no_such_library'", name="no_such_library")
    assert extras.missing("binland.fit", error, "sweep") == ""
    with (
        pytest.raises(ModuleNotFoundError, match=r"^No module named 'no_such_library'$"),
        extras.needed_by("binland.fit"),
    ):
        raise error


def test_the_extra_that_is_asked_for_is_named_if_it_helps():
    error = ModuleNotFoundError("No module named 'h5py.h5'", name="h5py.h5")
    assert extras.missing("it", error) == line("it", "h5py", "sweep")
    assert extras.missing("it", error, "report") == line("it", "h5py", "report")
    assert extras.missing("it", error, "deep") == line("it", "h5py", "sweep")
