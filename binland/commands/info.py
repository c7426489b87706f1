"""`binland info` and `binland show-config`: how files were made, and where binland runs."""

from pathlib import Path
from typing import Annotated

import typer

from binland.console import complain, say
from binland.errors import InvalidInputError

NOWHERE = "not in the folder of the figure, nor here, nor in the folders above"


def info(
    file: Annotated[Path, typer.Argument(help="HDF5 result file, or a figure that was drawn from one.")],
    toml: Annotated[bool, typer.Option("--toml", help="Only the configuration.")] = False,
) -> None:
    """Show how a file was made, and its configuration.

    The configuration is TOML: redirected into a file, it runs the sweep again. Of a figure, show its result file.
    """
    from binland.sweep.info import configuration_text, facts

    if file.suffix.lower() in (".png", ".pdf", ".svg"):
        _figure_info(file, toml)
        return
    made, configuration = facts(file), configuration_text(file)  # both before anything is printed
    if not toml:
        for name, value in made.items():
            say(f"# {name}: {value}")
        say("")
    say(configuration)


def _figure_info(figure: Path, toml: bool) -> None:
    from binland.plots.provenance import extended, result_file, source
    from binland.sweep.info import configuration_text

    origin = source(figure)
    if origin is None:
        raise InvalidInputError(
            f"{figure}: says nothing about a result file; binland did not draw it, or its metadata are gone"
        )
    path = result_file(figure, origin)
    if path is not None and extended(path, origin):
        complain(f"warning: {path} has been extended since {figure} was drawn; its configuration is another one now")
    if toml:
        if path is None:
            raise InvalidInputError(f"{figure}: its result file {origin['file']} is {NOWHERE}; bring it there")
        say(configuration_text(path))
        return
    for name, value in origin.items():
        say(f"{name}: {value}")
    say(f"result file: {NOWHERE if path is None else path}")


def show_config() -> None:
    """Show versions, processor and folders, for a bug report."""
    from binland.environment import show_config as show

    show()
