"""Public names of a package that are imported at first use, since Numba and torch take seconds to import."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy(
    package: str, modules: Mapping[str, tuple[str, ...]], namespace: dict[str, Any], extra: str = ""
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a package with lazy imports.

    modules: for each module the public names that it defines; a module that lists its own name is public itself. extra:
    name of the optional dependencies ("deep") to mention if an import fails.
    """
    home = {name: module for module, names in modules.items() for name in names}

    def get(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        try:
            module = import_module(f"{package}.{home[name]}")
        except ModuleNotFoundError as error:
            if not extra:
                raise
            message = f"{package}.{name} needs {error.name}: {installing(extra)}"
            raise ModuleNotFoundError(message, name=error.name) from None
        value = namespace[name] = module if home[name] == name else getattr(module, name)
        return value

    def names() -> list[str]:
        return sorted({*namespace, *home})

    return get, names


def installing(extra: str) -> str:
    """The command that installs optional dependencies; the package is not on PyPI."""
    return f"pip install '.[{extra}]' in a clone of binland"
