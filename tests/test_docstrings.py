"""Public docstrings: parsed with numpydoc, they name what the code takes; their examples run."""

import dataclasses
import doctest
import functools
import importlib
import importlib.util
import inspect
import re

import pytest
from numpydoc.docscrape import NumpyDocString

TORCH = importlib.util.find_spec("torch") is not None
# Not public names themselves: what public functions return, and the functions that those of deepbridge hand on to.
RETURNED = {
    "deepbridge.continuous.alignment": ("ContinuousAlignment", "align"),
    "deepbridge.continuous.flatness": ("ContinuousLocalEnergy", "local_energy"),
    "deepbridge.continuous.merging": ("merge",),
    "deepbridge.continuous.paths": ("ContinuousPath", "barrier", "optimized_midpoint", "optimized_path"),
    "deepbridge.continuous.planes": ("ContinuousPlane", "plane"),
    "deepbridge.continuous.training": ("fit", "fit_many"),
    "deepbridge.binary.flatness": ("local_energy",),
    "deepbridge.binary.merging": ("merge",),
    "deepbridge.binary.paths": ("barrier", "optimized_midpoint", "optimized_path"),
    "deepbridge.binary.planes": ("plane",),
    "deepbridge.binary.symmetry": ("align",),
    "deepbridge.binary.training": ("fit", "fit_many"),
    "deepbridge.binary.volumes": ("hamming_volume",),
}


def tables():
    """Packages and their lazy tables of public names."""
    packages = ["binland", "binland.plots", "binland.theory", "binland.spherical"]
    packages += ["deepbridge", "deepbridge.connectivity", "deepbridge.continuous"] if TORCH else []
    return {package: importlib.import_module(package)._MODULES for package in packages}


def public():
    """(name, object) of all public functions and classes, by the lazy tables; modules are tables of their own."""
    for package, modules in tables().items():
        for name in sorted({name for names in modules.values() for name in names}):
            found = getattr(importlib.import_module(package), name)
            if not inspect.ismodule(found):
                yield f"{package}.{name}", found
    if TORCH:
        for module, names in RETURNED.items():
            yield from ((f"{module}.{name}", getattr(importlib.import_module(module), name)) for name in names)


def members(cls):
    """(name, function or property) of what a class and its own bases define in public."""
    for base in reversed(cls.__mro__):
        if base.__module__.split(".")[0] in ("binland", "deepbridge"):
            for name, value in vars(base).items():
                if not name.startswith("_") and not (dataclasses.is_dataclass(cls) and name in fields(cls)):
                    yield name, value


def fields(cls):
    """Names of the fields of a dataclass that are given to its constructor and public."""
    return [field.name for field in dataclasses.fields(cls) if field.init and not field.name.startswith("_")]


def callables():
    """(name, function) of all public functions and methods."""
    for name, thing in public():
        if not inspect.isclass(thing):
            yield name, thing
            continue
        for member, value in members(thing):
            function = value.__func__ if isinstance(value, (classmethod, staticmethod)) else value
            if inspect.isfunction(function) and not described_by_a_base(thing, member, function):
                yield f"{name}.{member}", function


def described_by_a_base(cls, member, function):
    """Whether a method says in one line what is particular to it, and a public base says the rest."""
    bases = [vars(base)[member] for base in cls.__mro__ if member in vars(base)]
    return "Parameters" not in function.__doc__ and function is not bases[-1] and "Returns" in bases[-1].__doc__


def properties():
    """(name, property) of all public classes."""
    for name, thing in public():
        if inspect.isclass(thing):
            for member, value in members(thing):
                if isinstance(value, (property, functools.cached_property)):
                    yield f"{name}.{member}", value


def named(section):
    """Names in a parsed section, with those that share a line."""
    return [one.strip() for parameter in section for one in parameter.name.split(",")]


def taken(function):
    """Names of the parameters of a function, as a docstring writes them."""
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    parameters = inspect.signature(function).parameters.values()
    return [f"{stars.get(one.kind, '')}{one.name}" for one in parameters if one.name not in ("self", "cls")]


def parsed(thing):
    return NumpyDocString(inspect.cleandoc(thing.__doc__))


FUNCTIONS, CLASSES = dict(callables()), {name: thing for name, thing in public() if inspect.isclass(thing)}


def test_there_are_many_public_names():
    assert len(FUNCTIONS) > 100
    assert len(CLASSES) > 30


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_name_their_parameters_and_what_they_return(name):
    function = FUNCTIONS[name]
    found = parsed(function)
    assert found["Summary"]
    assert len(found["Summary"]) == 1, "a summary is one line"
    assert sorted(named(found["Parameters"])) == sorted(taken(function))
    gives = str(inspect.signature(function).return_annotation).strip("'\"") not in ("None", "<class 'NoneType'>")
    assert bool(found["Returns"] or found["Yields"]) == gives


@pytest.mark.parametrize("name", CLASSES)
def test_classes_name_their_parameters_or_fields(name):
    cls = CLASSES[name]
    assert "__doc__" in vars(cls)
    found = parsed(cls)
    assert len(found["Summary"]) == 1, "a summary is one line"
    given, described = named(found["Parameters"]), named(found["Attributes"])
    if not dataclasses.is_dataclass(cls):
        assert given or described
        return
    wanted = fields(cls)
    assert sorted(given or described) == sorted(wanted)
    assert {*described} <= {field.name for field in dataclasses.fields(cls)}


def test_properties_have_a_line():
    found = dict(properties())
    assert len(found) > 50
    assert [name for name, value in found.items() if not (value.__doc__ or "").strip()] == []


@pytest.mark.parametrize("name", [*FUNCTIONS, *CLASSES])
def test_defaults_are_those_of_the_code(name):
    """A default that a docstring states as a plain value is the one in the signature."""
    thing = FUNCTIONS.get(name) or CLASSES[name]
    signature = inspect.signature(thing).parameters
    for parameter in parsed(thing)["Parameters"]:
        stated = re.search(r", default (.+)$", parameter.type)
        for one in named([parameter]):
            default = signature[one.lstrip("*")].default
            if stated and not stated[1].startswith("torch."):
                assert eval(stated[1], {}) == default, one
            elif stated is None and "optional" not in parameter.type and parameter.type:
                assert default is inspect.Parameter.empty or default is None, f"{one} has the default {default!r}"


def examples():
    """Doctests of public names, by the module that defines them."""
    finder, found, seen = doctest.DocTestFinder(exclude_empty=True, recurse=True), {}, set()
    for name, thing in public():
        for test in finder.find(thing, name, module=False, globs={}):
            key = (thing.__module__, test.docstring)
            if test.examples and key not in seen:
                seen.add(key)
                found.setdefault(thing.__module__, []).append(test)
    return found


EXAMPLES = examples()


@pytest.mark.parametrize("module", EXAMPLES)
def test_examples_run(module):
    runner, output = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE), []
    for test in EXAMPLES[module]:
        test.globs = {"__name__": "__main__"}
        runner.run(test, out=output.append)
    assert runner.failures == 0, "".join(output)
    assert runner.tries > 0


def test_public_functions_and_settings_have_an_example():
    """Results apart: classes that nobody makes, whose fields are attributes."""
    results = [name for name, cls in CLASSES.items() if not parsed(cls)["Parameters"]]
    without = [name for name, thing in public() if ">>> " not in thing.__doc__ and name not in results]
    assert [name for name in without if name.rpartition(".")[0] not in RETURNED] == []
