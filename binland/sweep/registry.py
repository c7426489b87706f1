"""What can be named in a configuration: built-in objects, entry points of packages, plug-ins, and objects of the user.

Built-in are the files of the packages in BUILT_IN: a new file there is found by itself. An installed package names a
module in an entry point of the group `binland.plugins`. A plug-in of a sweep is a module, too. From a module, every
object at its top level counts that is a Problem, Family, Measure or Overlay, or a class of Algorithm, and is defined
there.
"""

import inspect
import pkgutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module, metadata, util
from types import ModuleType
from typing import Any

from binland.errors import InvalidInputError, one_line, reason, shown
from binland.extras import installing
from binland.interrupts import deferred
from binland.sweep.contracts.algorithm import Algorithm
from binland.sweep.contracts.family import Family
from binland.sweep.contracts.measure import Measure
from binland.sweep.contracts.overlay import Overlay
from binland.sweep.contracts.problem import Problem
from binland.sweep.sound import Thing, check_sound, is_thing

GROUP = "binland.plugins"  # entry points; the value is a module
NOT_IMPORTED = (Exception, SystemExit)  # exceptions of an import, except Ctrl-C
BUILT_IN = ("binland.problems", "binland.families", "binland.algorithms", "binland.measures", "binland.overlays")
NAMES: dict[type, str] = {
    Problem: "a problem",
    Family: "a family",
    Measure: "a measure",
    Overlay: "an overlay",
    Algorithm: "an algorithm",
}


@dataclass
class Declared:
    """Problems, families, measures and overlays by name, and a list of algorithm classes."""

    problems: dict[str, Problem[Any]] = field(default_factory=dict)
    families: dict[str, Family[Any]] = field(default_factory=dict)
    measures: dict[str, Measure[Any]] = field(default_factory=dict)
    overlays: dict[str, Overlay] = field(default_factory=dict)
    algorithms: list[type[Algorithm]] = field(default_factory=list)

    def add(self, things: Iterable[Thing]) -> None:
        """Add things; one with a name that is known replaces the earlier one."""
        for thing in things:
            if isinstance(thing, Problem):
                self.problems[thing.name] = thing
            elif isinstance(thing, Family):
                self.families.update(dict.fromkeys(thing.kinds, thing))
            elif isinstance(thing, Measure):
                self.measures[thing.name] = thing
            elif isinstance(thing, Overlay):
                self.overlays[thing.name] = thing
            else:
                self.algorithms = [*(one for one in self.algorithms if words(one) != words(thing)), thing]

    def has(self, thing: Thing) -> bool:
        """Whether this very object is registered under its names."""
        if isinstance(thing, Family):
            return all(self.families.get(kind) is thing for kind in thing.kinds)
        return any(one is thing for one in self.all())

    def all(self) -> list[Thing]:
        """Everything declared, as a list."""
        named = (self.problems, self.families, self.measures, self.overlays)
        return [*(thing for table in named for thing in table.values()), *self.algorithms]


_own = Declared()  # what `register` and plug-ins add in this process
_by_hand: list[tuple[Thing, ...]] = []
_changes: list[None] = []


def register(*things: Thing) -> None:
    """Make your own problems, families, measures, overlays or algorithms known to sweeps.

    They are known in this process and its local workers. Registering another object under a name that you have
    registered before replaces it; names of binland itself cannot be replaced.

    Parameters
    ----------
    *things : Problem, Family, Measure, Overlay or type
        Objects of these classes, or subclasses of `Algorithm`.

    Raises
    ------
    InvalidInputError
        If something is none of these, or its name is taken.

    Examples
    --------
    >>> import binland as bl
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True, kw_only=True)
    ... class AllOnes(bl.Algorithm):
    ...     '''Weights that are all +1.'''
    ...
    ...     families = ("perceptron",)
    ...
    ...     def fit(self, machine, data, seed, start=None):
    ...         return bl.Solution(machine, [1] * machine.n_inputs)
    >>> bl.register(AllOnes)  # doctest: +SKIP
    """
    for thing in things:
        if not is_thing(thing):
            raise InvalidInputError(
                f"{shown(thing)} is no Problem, Family, Measure or Overlay and no class of Algorithm; give one of these"
            )
    declare(things)
    _by_hand.append(things)


def declare(things: Iterable[Thing]) -> None:
    """Register the things that a plug-in defines; raises as `register`."""
    new = [thing for thing in things if not _own.has(thing)]
    for thing in new:
        check_sound(thing)
        _check_free(thing)
        _check_trains_others(thing)
    if new:
        _own.add(new)
        _changes.append(None)


def version() -> int:
    """A number that grows each time something is registered."""
    return len(_changes)


def things_of(module: ModuleType) -> list[Thing]:
    """What a module declares; raises InvalidInputError if a declaration is faulty or two have one name."""
    found = {id(value): value for value in [*vars(module).values()] if is_thing(value)}
    things = [thing for thing in found.values() if home(thing) == module.__name__]
    for thing in things:
        check_sound(thing)
    check_different([(module.__name__, things)])
    return things


def check_different(owners: Iterable[tuple[str, Iterable[Thing]]]) -> None:
    """Raise InvalidInputError if two things that are declared together have one name."""
    first: dict[str, tuple[str, Thing]] = {}
    for owner, things in owners:
        for word, thing in _named(things):
            other, known = first.setdefault(word, (owner, thing))
            if known is not thing:
                raise InvalidInputError(f"{word} is declared twice ({_of_both(other, owner)}); rename one of them")


def _named(things: Iterable[Thing]) -> Iterator[tuple[str, Thing]]:
    return ((word, thing) for thing in things for word in words(thing))


def _of_both(one: str, two: str) -> str:
    return f"in {shown(one)}" if one == two else f"by {shown(one)} and {shown(two)}"


def words(thing: Thing) -> list[str]:
    """The name of a thing in messages and look-ups, one for each kind it has; no two things may share one."""
    if isinstance(thing, Problem):
        return [f"data.kind = {thing.name!r}"]
    if isinstance(thing, Family):
        return [f"model.kind = {kind!r}" for kind in thing.kinds]
    if isinstance(thing, Measure):
        return [f"measure.{thing.name}"]
    if isinstance(thing, Overlay):
        return [f"the overlay {thing.name!r}"]
    return [f"the algorithm {thing.__name__!r} of {kind!r}" for kind in sorted(thing.families)]


def strangers() -> set[str]:
    """Names of the modules, outside binland and deepbridge, that declare something in this process."""
    declared = [_own, _installed_if_loaded()]
    things = [thing for one in declared for thing in one.all()]
    return {home(thing) for thing in things if home(thing).split(".")[0] not in ("binland", "deepbridge")}


def by_hand() -> list[Thing]:
    """What `register` has added, in order."""
    return [thing for things in _by_hand for thing in things]


def find_problem(name: str) -> Problem[Any]:
    """The problem of a [data] kind; raises InvalidInputError if there is none."""
    return _lookup("data.kind", name, (declared.problems for declared in _all()))


def find_family(kind: str) -> Family[Any]:
    """The family of a [model] kind; raises InvalidInputError if there is none."""
    return _lookup("model.kind", kind, (declared.families for declared in _all()))


def measures(wanted: Iterable[str] = ()) -> dict[str, Measure[Any]]:
    """All measures by name, built-in first; installed packages are imported only if a wanted one is missing."""
    found = _built_in().measures | _own.measures
    if not {*wanted} <= {*found}:
        found = _installed().measures | found
    return found


def overlays() -> list[Overlay]:
    """All overlays: built-in, of installed packages, and registered."""
    return [*(_built_in().overlays | _installed().overlays | _own.overlays).values()]


def algorithms(family: Family[Any]) -> dict[str, type[Algorithm]]:
    """The algorithms that can train a family's models, by name."""
    known = [*_installed_if_loaded().algorithms, *_own.algorithms, *_built_in().algorithms]
    fitting = {one.__name__: one for one in known if {*one.families} & {*family.kinds}}
    return fitting | dict(family.algorithms)


def known(what: str) -> list[str]:
    """All names of "problems", "families" or "measures"."""
    found = (name for declared in (_built_in(), _own, _installed()) for name in getattr(declared, what))
    return list(dict.fromkeys(found))


def in_words(names: Iterable[str]) -> str:
    """The names as a text: 'a', 'b' or 'c'."""
    *names, last = map(repr, names)
    return f"{', '.join(names)} or {last}" if names else last


def _lookup(key: str, name: Any, tables: Iterable[dict[str, Any]]) -> Any:
    for table in tables:
        if isinstance(name, str) and name in table:
            return table[name]
    there = known({"data.kind": "problems", "model.kind": "families"}[key])
    raise InvalidInputError(f"{key} = {shown(name)}: is not {in_words(there)}{failures()}")


def _all() -> Iterator[Declared]:
    """Where to look for a name, in order; installed packages are imported only if it is not found before."""
    yield _built_in()
    yield _own
    yield _installed()


def failures() -> str:
    """Text saying which installed packages could not be used, and why; empty if all could."""
    return "".join(f"; {line}" for line in dict.fromkeys(_broken))


@cache
def _built_in() -> Declared:
    declared = Declared()
    with deferred():  # an interrupted import would fail with an unrelated error
        for package in map(import_module, BUILT_IN):
            for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
                declared.add(things_of(import_module(module.name)))
    return declared


_broken: list[str] = []
_loaded: list[Declared] = []


def _installed() -> Declared:
    """What entry points of installed packages declare; those that cannot be used are noted in `_broken`."""
    if not _loaded:
        found: dict[str, list[Thing]] = {}
        for entry in _entries():
            with deferred():
                found[_place(entry)] = _things_of_entry(entry)
        declared = Declared()
        declared.add(_unambiguous(found))
        _loaded.append(declared)
    return _loaded[0]


def _unambiguous(found: dict[str, list[Thing]]) -> Iterator[Thing]:
    """Things that only one package declares; names declared by two are noted in `_broken` and left out."""
    owners: dict[str, dict[int, str]] = {}
    for place, things in found.items():
        for word, thing in _named(things):
            owners.setdefault(word, {})[id(thing)] = place
    twice = {word: places for word, places in owners.items() if len(places) > 1}
    for word, places in twice.items():
        _broken.append(f"{word} is declared by {' and by '.join(places.values())}; uninstall one")
    yield from (thing for things in found.values() for thing in things if not {*words(thing)} & {*twice})


def _installed_if_loaded() -> Declared:
    return _loaded[0] if _loaded else Declared()


def _place(entry: metadata.EntryPoint) -> str:
    owner = entry.dist.name if entry.dist else "?"
    return f"the plug-in {shown(entry.name)} = {shown(entry.value)} of the package {shown(owner)}"


def _things_of_entry(entry: metadata.EntryPoint) -> list[Thing]:
    try:
        if foreign := _foreign(entry):
            _broken.append(foreign)
            return []
        module = entry.load()
        if not issubclass(type(module), ModuleType):
            raise TypeError(f"{shown(module)} is no module")
        things = things_of(module)
        for thing in things:
            _check_free(thing)
    except InvalidInputError as error:
        _broken.append(f"{_place(entry)} cannot be used: {error}")
    except NOT_IMPORTED as error:
        _broken.append(f"{_place(entry)} cannot be imported ({reason(error)}); {_advice(entry, error)}")
    else:
        return things
    return []


def _foreign(entry: metadata.EntryPoint) -> str:
    """That another distribution has the package of the same name as binland's; "" if it has not."""
    name = entry.value.partition(".")[0]
    if not _is_own(entry) or util.find_spec(name) is None:
        return ""
    package = import_module(name)
    if getattr(package, "__distribution__", "") == "binland":
        return ""
    place = one_line(package.__file__ or next(iter(package.__path__)))
    return f"{name!r} ({place}) is not the one that comes with binland; uninstall or move it, then reinstall binland"


def _advice(entry: metadata.EntryPoint, error: BaseException) -> str:
    own = _is_own(entry) and isinstance(error, ImportError)
    return f"install it with {installing('deep')}" if own else "mend or uninstall it"


def _is_own(entry: metadata.EntryPoint) -> bool:
    return entry.dist is not None and entry.dist.name == "binland"


def _entries() -> list[metadata.EntryPoint]:
    try:
        return sorted(metadata.entry_points(group=GROUP), key=lambda entry: entry.name)
    except Exception as error:  # a single malformed file of any package makes this fail
        raise InvalidInputError(
            f"the entry points of the installed packages cannot be read ({one_line(reason(error))}); the"
            " entry_points.txt of one is malformed: mend it or uninstall the package"
        ) from None


def home(thing: Thing) -> str:
    """The name of the module that defines a thing."""
    return thing.__module__ if inspect.isclass(thing) else type(thing).__module__


def _check_free(thing: Thing) -> None:
    """Raise InvalidInputError if binland itself has something of that name."""
    if {*words(thing)} & {word for word, _ in _named(_built_in().all())}:
        what = next(name for contract, name in NAMES.items() if _is_of(thing, contract))
        raise InvalidInputError(f"{shown(thing)}: binland has {what} of that name; choose another name")


def _is_of(thing: Thing, contract: type) -> bool:
    return inspect.isclass(thing) if contract is Algorithm else isinstance(thing, contract)


def _check_trains_others(thing: Thing) -> None:
    """Raise InvalidInputError if an algorithm has the name of one that an installed package's family brings."""
    if not inspect.isclass(thing) or {*thing.families} <= {*_built_in().families}:
        return
    families = _installed().families
    for kind in {*thing.families} & {*families}:
        if families[kind].algorithms.get(thing.__name__, thing) is not thing:
            raise InvalidInputError(f"{shown(thing)}: model.kind = {kind!r} has one of that name; choose another name")
