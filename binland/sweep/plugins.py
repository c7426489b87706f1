"""Plug-ins of a sweep, `plugins = ["my_module"]`: modules that declare measures, algorithms, problems or families.

A plug-in is a file beside the configuration, or an installed module. It is code: it is imported to run a sweep, never
because a file of results names it.
"""

import hashlib
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module, util
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from binland.errors import InvalidInputError, reason, shown
from binland.interrupts import deferred
from binland.stamp import essence
from binland.sweep import registry
from binland.sweep.sound import Thing

PREFIX = "binland_plugin_"  # of the names under which files are imported: they hide no other module


class Plugin(NamedTuple):
    """A plug-in: name of the module and, if it is a file, its path and the SHA-256 of its bytes, else empty texts.

    code: hash of the code that numbers come from, without docstrings, comments and figures.
    """

    name: str
    file: str = ""
    checksum: str = ""
    code: str = ""

    def plain(self) -> dict[str, str]:
        """The plug-in as plain data."""
        return self._asdict()


_imported: dict[Plugin, ModuleType] = {}


def load(names: Iterable[Any], folder: Path, imports: bool = True) -> tuple[Plugin, ...]:
    """Import the plug-ins of a configuration in a folder, and register what they declare.

    imports: False only notes their names. Raises InvalidInputError with the module's own error if one cannot be
    imported, or if it declares nothing.
    """
    plugins = tuple(_plugin(entry, folder) for entry in names)
    if imports:
        brought = [(plugin.name, use(plugin)) for plugin in dict.fromkeys(plugins)]
        try:
            registry.check_different(brought)
        except InvalidInputError as error:
            raise InvalidInputError(f"plugins: {error}") from None
    return plugins


def use(plugin: Plugin) -> list[Thing]:
    """Import a plug-in, once in a process, and register what it declares, since others may have taken its names."""
    if plugin not in _imported:
        with deferred(), _in_this_folder():  # an interrupted import would fail with an unrelated error
            _imported[plugin] = _module(plugin)
    try:
        things = registry.things_of(_imported[plugin])
        if not things:
            raise InvalidInputError(
                "declares no problem, family, measure or algorithm at its top level; see CONTRIBUTING"
            )
        registry.declare(things)
    except InvalidInputError as error:
        raise InvalidInputError(f"plugins: {shown(plugin.name)} {error}") from None
    return things


@contextmanager
def _in_this_folder() -> Iterator[None]:
    """Context that restores the current folder, which an imported module may change."""
    before = os.getcwd()
    try:
        yield
    finally:
        os.chdir(before)


def _plugin(entry: Any, folder: Path) -> Plugin:
    """A plug-in from an entry of a configuration: a name, or what `Plugin.plain` gives."""
    if isinstance(entry, Mapping) and all(isinstance(entry.get(key), str) for key in Plugin._fields):
        return Plugin(*(entry[key] for key in Plugin._fields))
    if not isinstance(entry, str) or not all(part.isidentifier() for part in entry.split(".")):
        raise InvalidInputError(f"plugins: {shown(entry)} is not the name of a module, such as 'my_module'")
    file = folder / f"{entry}.py"
    if "." in entry or not os.path.isfile(file):  # unlike Path.is_file it does not raise on names that are too long
        return Plugin(entry)
    return Plugin(entry, str(file.resolve()), _checksum(entry, file), _code(file))


def _checksum(name: str, file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise InvalidInputError(f"plugins: {shown(name)} cannot be read ({error.strerror}: {file})") from None


def _code(file: Path) -> str:
    try:
        return hashlib.sha256(essence(file.read_text(encoding="utf-8")).encode()).hexdigest()
    except (OSError, ValueError, SyntaxError, RecursionError):  # the import will say what is wrong
        return ""


def _module(plugin: Plugin) -> ModuleType:
    try:
        return _of_file(plugin) if plugin.file else import_module(plugin.name)
    except InvalidInputError:
        raise
    except registry.NOT_IMPORTED as error:
        beside = "" if plugin.file else " (and there is no such file beside the configuration)"
        missing = isinstance(error, ModuleNotFoundError) and error.name == plugin.name
        raise InvalidInputError(
            f"plugins: {shown(plugin.name)} cannot be imported ({reason(error)}){beside if missing else ''}; mend it"
        ) from None


def _of_file(plugin: Plugin) -> ModuleType:
    """The module of a file, imported under a name that no other module has."""
    if _checksum(plugin.name, Path(plugin.file)) != plugin.checksum:
        raise InvalidInputError(f"plugins: {plugin.file} has changed since the sweep began; start anew")
    name = f"{PREFIX}{plugin.name}_{plugin.checksum[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = util.spec_from_file_location(name, plugin.file)
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    sys.modules[name] = module  # pickles of its objects refer to it by name
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
