"""Public names of a package that are imported at first use, since Numba and torch take seconds to import."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from binland.extras import needed_by


def lazy(
    package: str,
    modules: Mapping[str, tuple[str, ...]],
    namespace: dict[str, Any],
    extra: str | Mapping[str, str] = "",
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a package with lazy imports.

    A module is public itself where it is said to define its own name.

    extra: of the installation, that brings all they need, or one for each of some names; without one a message names
    the smallest that is missing. `__version__` is there, too.
    """
    home = {name: module for module, names in modules.items() for name in names}

    def get(name: str) -> Any:
        if name == "__version__":
            from binland.version import version  # importlib.metadata takes its time, too

            return namespace.setdefault(name, version())
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        with needed_by(f"{package}.{name}", extra if isinstance(extra, str) else extra.get(name, "")):
            module = import_module(f"{package}.{home[name]}")
        value = namespace[name] = module if home[name] == name else getattr(module, name)
        return value

    def names() -> list[str]:
        return sorted({*namespace, *home, "__version__"})

    return get, names
