"""Topology of the region around solutions of continuous networks, `[measure.topology]` (Horoi et al. 2022).

A solution is perturbed and trained again many times over; how components and loops of the samples appear and vanish
while the level of the loss rises says how rugged the region is. Verbs: neighbourhood(solution, train, test, options,
seed, compute) -> samples with .losses and .test_losses (S,); persistence(samples, values, options) -> an object with
.total(dimension, essential=...), .diagram(dimension), .n_components, .n_loops and .largest; picture(samples) -> places
(S, 2).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from binland.plots.chart import Axis, Chart, Curve, Dots, Entry, Look, Panel
from binland.sweep.contracts.measure import Arrays, Case, Described, Measure
from binland.sweep.contracts.section import Positive, Section
from binland.sweep.contracts.variable import Coordinate, Variable

if TYPE_CHECKING:
    import xarray as xr

Step = Annotated[float, Field(gt=0, le=1e6)]
LEVELS = {"train loss": "losses", "test loss": "test_losses"}
CLASSES = ("components", "loops")
GRAPH = ("neighbours", "distance", "triangles")  # settings of the graph; all others but the last are of the retraining
NEEDED = 6  # samples, at least
TOTAL = "sum of squared lifetimes of components or loops of the samples while the level rises"
ENDS = "levels at which the longest-lived ones appear and vanish; those that stay vanish at the highest level"
SAMPLES = "losses of the samples: the solution, then all runs after their jumps, then after each epoch"


class TopologySettings(Section):
    """[measure.topology]"""

    directions: Positive = Field(4, description="random directions in which the network jumps away from the solution")
    steps: Annotated[list[Step], Field(min_length=1)] = Field(
        [0.25, 0.5, 0.75, 1.0], description="lengths of the jumps, in units of the weights, filter by filter"
    )
    epochs: Positive = Field(40, description="passes over the train data after each jump")
    learning_rate: Step = Field(1e-3, description="constant step size of the retraining")
    batch_size: Positive = Field(128, description="patterns in a mini-batch of the retraining")
    momentum: float = Field(0.9, ge=0, lt=1, description="of the retraining")
    weight_decay: float = Field(1e-4, ge=0, le=1e6, description="of the retraining")
    normalization: Literal["filter", "layer", "none"] = Field("filter", description="of the directions")
    augmentation: Literal["as trained", "none", "flips-and-crops"] = Field(
        "as trained", description="of images in the retraining; by default as the solution's algorithm has it"
    )
    neighbours: Positive = Field(20, description="nearest samples with which each is joined to a graph")
    distance: Literal["potential", "cosine", "euclidean"] = Field(
        "potential", description="what near is: diffusion potentials, angles, or distances of the parameters"
    )
    triangles: bool = Field(False, description="whether triangles of the graph fill loops")
    essential: Literal["largest", "drop"] = Field(
        "largest", description="what stays for ever: it counts up to the highest loss of the samples, or not at all"
    )
    kept: Positive = Field(100, description="longest-lived components and loops whose levels are stored")
    published: bool = Field(False, description="whether to compute as the published script does, too, faults included")
    picture: bool = Field(False, description="whether to store places of the samples in a picture of the region")

    @model_validator(mode="after")
    def _enough(self) -> "TopologySettings":
        fewest = self.n_samples - 1 - self.n_runs if self.published else self.n_samples
        if fewest <= max(self.neighbours, NEEDED - 1):
            raise ValueError(
                f"neighbours = {self.neighbours} of {fewest} samples: take less, or more directions or epochs"
            )
        return self

    @property
    def n_runs(self) -> int:
        """Retrainings of a solution."""
        return self.directions * len(self.steps)

    @property
    def n_samples(self) -> int:
        """The solution, and every run after its jump and after each epoch."""
        return 1 + self.n_runs * (self.epochs + 1)

    @property
    def graph(self) -> dict[str, Any]:
        """Settings of the graph."""
        return self.model_dump(include={*GRAPH})

    @property
    def retraining(self) -> dict[str, Any]:
        """Settings of the retraining."""
        return self.model_dump(exclude={*GRAPH, "essential", "kept", "published", "picture"})


class Topology(Measure[TopologySettings]):
    """Persistence of train and test losses of samples around a solution."""

    name, of = "topology", 1
    Settings = TopologySettings
    libraries = ("gudhi",)

    def needs(self, settings: TopologySettings) -> tuple[str, ...]:
        """Verbs: samples, their persistence, and a picture of them if it is wanted."""
        return ("neighbourhood", "persistence", *(["picture"] if settings.picture else []))

    def test_patterns(self) -> bool:
        """True: test losses are among the levels."""
        return True

    def variables(self, settings: TopologySettings) -> dict[str, Variable]:
        """Stored: losses of the samples, total persistence, counts, and the longest-lived classes."""
        inner, of_samples = ("topology_level", "topology_class"), ("topology_level", "topology_sample")
        found = {
            "topology_persistence": Variable(inner, "f8", "nat^2", TOTAL),
            "topology_count": Variable(inner, "i8", "1", "number of components or loops"),
            "topology_interval": Variable((*inner, "topology_rank", "topology_end"), "f8", "nat", ENDS),
            "topology_loss": Variable(of_samples, "f8", "nat", SAMPLES),
        }
        if settings.published:
            text = "the same of test losses as the published script computes it"
            found["topology_published"] = Variable(("topology_class",), "f8", "nat^2", text)
        if settings.picture:
            text = "place of a sample in a picture of the region"
            found["topology_place"] = Variable(("topology_sample", "component"), "f8", "1", text)
        return found

    def coordinates(self, settings: TopologySettings) -> dict[str, Coordinate]:
        """Levels, components and loops, samples, ranks of the classes by lifetime, and their ends."""
        return {
            "topology_level": Coordinate(tuple(LEVELS), "what rises"),
            "topology_class": Coordinate(CLASSES),
            "topology_sample": Coordinate(settings.n_samples),
            "topology_rank": Coordinate(settings.kept),
            "topology_end": Coordinate(("birth", "death")),
            "component": Coordinate(("x", "y")),
        }

    def streams(
        self, settings: TopologySettings, states: Sequence[str], described: Described
    ) -> dict[str, dict[str, Any]]:
        """Random stream of directions and mini-batches."""
        return {"topology": {"purpose": "topology"}}

    def limits(self, settings: TopologySettings) -> list[tuple[float, str, str]]:
        """Number of samples of one solution, and of edges between them."""
        edges = settings.n_samples * settings.neighbours
        return [
            (settings.n_samples, "samples around a solution", "measure.topology"),
            (edges, "edges between samples", "measure.topology.neighbours"),
        ]

    def quick(self, settings: TopologySettings) -> tuple[TopologySettings, float]:
        """A few epochs of retraining."""
        few = min(settings.epochs, max(1, -(-NEEDED // settings.n_runs)))
        change = {"epochs": few, "neighbours": 1, "published": False}
        return settings.model_copy(update=change), (settings.epochs + 1) / (few + 1)

    def run(self, settings: TopologySettings, case: Case) -> Arrays:
        """Sample the region, and compute the persistence of both losses."""
        (solution,), family = case.solutions, case.family
        options = settings.retraining | {"augmentation": _augmentation(settings, solution)}
        samples = family.neighbourhood(solution, case.train, case.test, options, case.seeds["topology"], case.compute)
        found = [family.persistence(samples, values, settings.graph) for values in LEVELS.values()]
        arrays = {
            "topology_persistence": np.array([_totals(one, settings) for one in found]),
            "topology_count": np.array([[one.n_components, one.n_loops] for one in found]),
            "topology_interval": np.array([[intervals(one, d, settings.kept) for d in (0, 1)] for one in found]),
            "topology_loss": np.array([getattr(samples, values) for values in LEVELS.values()]),
        }
        if settings.published:
            published = {"neighbours": settings.neighbours, "published": True}
            one = family.persistence(samples, "test_losses", published)
            arrays["topology_published"] = _totals(one, settings)
        if settings.picture:
            arrays["topology_place"] = family.picture(samples)
        return arrays

    def panels(self, results: Any) -> list[Any]:
        """Total persistence of components of the test loss against the swept setting."""
        from binland.plots.curves import of_algorithms, swept_panel
        from binland.plots.ranks import on_wide_axis

        at = {"topology_level": "test loss", "topology_class": "components"}
        curves = of_algorithms(results, "topology_persistence", 1, at)
        panel = swept_panel(results, "topology", f"{LABEL} of components, test loss (nat²)", curves, order=4)
        return [on_wide_axis(panel)]

    def figures(self, results: Any) -> Iterator[tuple[str, Chart]]:
        """Total persistence beside the test error over the whole grid; for every point diagrams and pictures."""
        if results.any_done(self.name, results.data):
            yield "_topology", beside_test_errors(results)
        for ending, point in results.named_points():
            if results.any_done(self.name, results.data.sel(point)):
                yield f"_diagrams{ending}", diagrams(results, point)
                if "topology_place" in results.data:
                    yield f"_region{ending}", pictures(results, point)


def _totals(persistence: Any, settings: TopologySettings) -> NDArray[np.float64]:
    """Total persistence of components and of loops."""
    return np.array([persistence.total(dimension, essential=settings.essential) for dimension in (0, 1)])


def _augmentation(settings: TopologySettings, solution: Any) -> str:
    """The augmentation of the retraining: that of the solution's algorithm, if the settings do not say another."""
    if settings.augmentation != "as trained":
        return settings.augmentation
    return str(getattr(getattr(solution, "algorithm", None), "augmentation", "none"))


def intervals(persistence: Any, dimension: int, count: int) -> NDArray[np.float64]:
    """Births and deaths (count, 2) of the longest-lived classes, then nan; those that stay die at the largest value."""
    spans = np.minimum(persistence.diagram(dimension), persistence.largest)
    order = np.argsort(spans[:, 0] - spans[:, 1], kind="stable")[:count]
    made = np.full((count, 2), np.nan)
    made[: len(order)] = spans[order]
    return made


# Figures

LABEL = "total persistence"
SIDE = 3.4  # of a panel, in inches
LOOKS = {"components": Look("#0072B2", "o", "", alpha=0.7), "loops": Look("#D55E00", "x", "", alpha=0.5)}


def beside_test_errors(results: Any) -> Chart:
    """Test error against total persistence: a panel for each loss and kind of class, a cross for each solution."""
    from binland.plots.error_bars import error_bar_text
    from binland.plots.ranks import INTERVALS, against_test_error
    from binland.plots.style import algorithm_entries
    from binland.plots.text import headline

    values = results.data["topology_persistence"]
    panels = [
        against_test_error(
            results, f"topology_{level.replace(' ', '_')}_{kind}", f"{kind}, {level}: {LABEL} (nat²)",
            values.sel(topology_level=level, topology_class=kind),
        )
        for level in LEVELS
        for kind in CLASSES
    ]  # fmt: skip
    panels.append(
        against_test_error(
            results, "topology_vanishing", f"vanishing components, test loss: {LABEL} (nat²)",
            of_vanishing(results.data.sel(topology_level="test loss")),
        )
    )  # fmt: skip
    if "topology_published" in results.data:
        values = results.data["topology_published"]
        panels += [
            against_test_error(
                results, f"topology_published_{kind}", f"{kind}, published: {LABEL} (nat²)",
                values.sel(topology_class=kind),
            )
            for kind in CLASSES
        ]  # fmt: skip
    facts = headline(results, "crosses: single solutions of all points;", INTERVALS, f"{error_bar_text(results.data)}.")
    return Chart(panels, facts, entries=algorithm_entries(results, with_states=False), size=(4.8, 4.1))


def of_vanishing(data: "xr.Dataset") -> "xr.DataArray":
    """Total persistence of the components that vanish below the highest loss, of those whose levels are stored.

    Others stay for ever, and count up to the highest loss; often their number times the squared range of the losses is
    nearly all of the total.
    """
    ends = data["topology_interval"].sel(topology_class="components")
    birth, death = (ends.sel(topology_end=end, drop=True) for end in ("birth", "death"))
    lifetimes = (death - birth).where(death < data["topology_loss"].max("topology_sample"))
    return (lifetimes**2).sum("topology_rank").where(data["topology_loss"].notnull().all("topology_sample"))


def diagrams(results: Any, point: dict[str, Any]) -> Chart:
    """Where the longest-lived components and loops appear and vanish, of the first solution of each algorithm."""
    from binland.plots.text import headline

    at = first(results, point).sel(topology_level="test loss")
    panels = [_diagram(at["topology_interval"].sel(algorithm=label), label) for label in results.labels]
    about = "first solution of each; those that stay vanish at the highest test loss of the samples."
    entries = [Entry(name, look) for name, look in LOOKS.items()]
    facts = headline(results, results.words_of(point), about)
    return Chart(panels, facts, entries=entries, columns=min(3, len(panels)), size=(SIDE, SIDE))


def first(results: Any, point: dict[str, Any]) -> "xr.Dataset":
    """The first solutions of the first disorder sample."""
    data: xr.Dataset = results.data.sel(point).isel(disorder=0, solution=0)
    return data


def _diagram(intervals: "xr.DataArray", label: str) -> Panel:
    """The diagram of a solution, with the line on which birth and death are the same."""
    from binland.plots.ranks import is_wide
    from binland.plots.text import short

    known = intervals.to_numpy()[np.isfinite(intervals.to_numpy())]
    x, y = (Axis(f"test loss at {end} (nat)", log=is_wide(known)) for end in ("birth", "death"))
    if not len(known):
        return Panel(f"diagram_{label}", x, y, [], title=short(label), note="not done yet")
    curves = []
    for kind, look in LOOKS.items():
        spans = intervals.sel(topology_class=kind)
        birth, death = (spans.sel(topology_end=end).to_numpy() for end in ("birth", "death"))
        curves.append(Curve(birth, death, look=look, name=kind, labels={"algorithm": label, "class": kind}))
    ends = np.array([known.min(), known.max()])
    line = Curve(ends, ends, look=Look("#999999", width=0.7))
    return Panel(f"diagram_{label}", x, y, [line, *curves], title=short(label))


def pictures(results: Any, point: dict[str, Any]) -> Chart:
    """The samples around the first solution of each algorithm in two dimensions, coloured by their test losses."""
    from binland.plots.text import headline

    at = first(results, point)
    losses = at["topology_loss"].sel(topology_level="test loss")
    heights: Any = np.log10(losses.where(losses > 0))
    panels = [_picture(at.sel(algorithm=one), heights.sel(algorithm=one).to_numpy(), one) for one in results.labels]
    levels = np.linspace(float(heights.min()), float(heights.max()), 11)
    about = "samples around the first solution of each, S, in a picture of their diffusion potentials."
    facts = headline(results, results.words_of(point), about)
    return Chart(
        panels, facts, columns=min(3, len(panels)), size=(SIDE, SIDE), levels=levels,
        color_label="log10 of the test loss (nat)",
    )  # fmt: skip


def _picture(at: "xr.Dataset", heights: NDArray[np.float64], label: str) -> Panel:
    from binland.plots.text import short

    places, name, title = at["topology_place"].to_numpy(), f"region_{label}", short(label)
    x, y = Axis("first axis of the picture (nat)"), Axis("second axis (nat)")
    if not np.isfinite(places).any():
        return Panel(name, x, y, [], title=title, note="not done yet")
    half = 1.05 * float(np.abs(places[:, 0]).max())  # the first axis is the widest, and both have the same unit
    first, second = places[0].tolist()
    dots = Dots(places, heights, [("S", first, second)])
    return Panel(name, x, replace(y, low=-half, high=half), [dots], title=title)


TOPOLOGY = Topology()
