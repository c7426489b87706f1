"""The optional dependencies ("extras") of the installation, and the message that names a missing one."""

from collections.abc import Iterator
from contextlib import contextmanager

SWEEP = (
    "cloudpickle", "cryptography", "dask", "distributed", "filelock", "h5netcdf", "h5py", "pandas", "psutil",
    "pydantic", "threadpoolctl", "tomli_w", "xarray",
)  # fmt: skip
DEEP = ("torch", "pooch", "tqdm", "sklearn")
MODULES = {  # modules that each extra installs; if several extras install one, the smallest comes first
    "sweep": SWEEP,
    "plot": (*SWEEP, "matplotlib"),
    "report": (*SWEEP, "matplotlib", "plotly", "jinja2"),
    "cluster": (*SWEEP, "dask_jobqueue"),
    "deep": DEEP,
    "landscape": (*DEEP, "gudhi", "curvlinops"),
}
APART = {"phate": (*DEEP, "gudhi", "curvlinops", "phate")}  # what `all` leaves out, for its licence


def installing(extra: str) -> str:
    """The command that installs an extra from a clone; the package is not on a package index."""
    return f"pip install '.[{extra}]' in a clone of binland"


@contextmanager
def needed_by(what: str, extra: str = "") -> Iterator[None]:
    """Turn the error of an import inside it into one line that names the extra to install; arguments as `missing`."""
    try:
        yield
    except ModuleNotFoundError as error:
        message = missing(what, error, extra)
        if not message:
            raise
        raise ModuleNotFoundError(message, name=error.name) from None


def missing(what: str, error: ModuleNotFoundError, extra: str = "") -> str:
    """A line that says how to install a missing module; "" if no extra installs it.

    what: what needs the module, as text. extra: the extra that installs everything for it; by default the smallest one
    with the module.
    """
    module = (error.name or "").partition(".")[0]
    bringing = [name for name, modules in (MODULES | APART).items() if module in modules]
    if not bringing:
        return ""
    return f"{what} needs {module}: {installing(extra if extra in bringing else bringing[0])}"
