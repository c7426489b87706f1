"""Local energies in closed form, averaged over the same solutions, over sampled ones."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from binland.errors import InvalidInputError
from binland.flatness import local_energy
from binland.overlays.kinds import crosses
from binland.plots.chart import Mark, Panel
from binland.sweep.contracts.overlay import Overlay
from binland.sweep.load import load_solution, load_train


class LocalEnergies(Overlay):
    """Crosses at the measured fractions."""

    name, panel = "local-energy", "local_energy"

    def applies(self, results: Any) -> bool:
        """Whether local energies of perceptrons or committee machines were sampled."""
        kind = results.settings["model"].get("kind")
        return kind in ("perceptron", "committee") and _table(results).get("method", "sampled") == "sampled"

    def marks(self, results: Any, panel: Panel, at: Mapping[str, float]) -> list[Mark]:
        """Of every algorithm, in its colour."""
        from binland.plots.style import style

        fractions = np.sort(results.data["fraction"].to_numpy())
        where = {**results.fixed, **at}, fractions, str(_table(results).get("flips", "count"))
        return [
            crosses(
                100 * fractions, 100 * closed_form(results, label, *where), style(results, label).color, NAME, label
            )
            for label in results.labels
        ]


NAME = "closed form"


def _table(results: Any) -> Mapping[str, Any]:
    """The table [measure.local_energy]."""
    table = results.settings.get("measure", {}).get("local_energy")
    return table if isinstance(table, Mapping) else {}


def closed_form(
    results: Any, label: str, point: Mapping[str, float], fractions: NDArray[np.float64], flips: str
) -> NDArray[np.float64]:
    """Mean local energies (F,) of an algorithm's finished solutions at a point of the grid; nan without any."""
    data, path = results.data, results.path
    counts = range(data.sizes["disorder"]), range(data.sizes["solution"])
    energies = [
        _energies(path, path.stat().st_mtime_ns, label, tuple(point.items()), tuple(fractions), flips, disorder, k)
        for disorder in counts[0]
        for k in counts[1]
    ]
    return np.mean([one for one in energies if one is not None] or [np.full(len(fractions), np.nan)], axis=0)


@lru_cache(maxsize=1024)
def _energies(
    path: Path,
    changed: int,
    label: str,
    point: tuple[tuple[str, float], ...],
    fractions: tuple[float, ...],
    flips: Any,
    disorder: int,
    k: int,
) -> NDArray[np.float64] | None:
    """Local energies of one solution, cached because several figures show them; None if it is not finished."""
    try:
        solution = load_solution(path, algorithm=label, disorder=disorder, solution=k, **dict(point))
    except InvalidInputError:
        return None
    train = _patterns(path, changed, point, disorder)
    return local_energy(solution, train, fractions, flips=flips, method="exact").mean


@lru_cache(maxsize=4)
def _patterns(path: Path, changed: int, point: tuple[tuple[str, float], ...], disorder: int) -> Any:
    """The train patterns of a disorder sample, cached."""
    return load_train(path, disorder=disorder, **dict(point))


LOCAL_ENERGIES = LocalEnergies()
