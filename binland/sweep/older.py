"""Files and configurations of older schemas, translated into today's form; the only module that knows them.

Up to schema 3 one task trained a solution and measured it, and [measure] was a flat table of everything.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from binland.sweep.identity import identify
from binland.sweep.naming import streams, task_identity
from binland.sweep.spec import SweepSpec
from binland.sweep.store.layout import Layout, layout_of
from binland.sweep.tasks import Outcome, Task
from binland.sweep.words import TRAINING

SCHEMAS = ("binland-sweep-1", "binland-sweep-2", "binland-sweep-3")
OTHER_DRAWS = SCHEMAS[:2]  # of versions that drew flips and paths otherwise; the first one's tasks have no ids
MOVED = {  # flat keys of [measure] -> tables, and the key there
    "fractions": (("local_energy", "fractions"),),
    "realizations": (("local_energy", "realizations"),),
    "flips": (("local_energy", "flips"),),
    "method": (("local_energy", "method"),),
    "orders": (("pair", "orders"), ("bend", "orders")),
    "profile_points": (("pair", "profile_points"), ("bend", "profile_points")),
    "midpoints": (("bend", "midpoints"),),
    "midpoint_algorithm": (("bend", "midpoint_algorithm"),),
    "plane_points": (("plane", "points"),),
}
ON_DEMAND = {"bend": "midpoints", "plane": "plane_points"}  # measured only if this is set, and not 0
MEASURED_WITH_TRAINING = ("errors", "local_energy")
TEXTS = (  # datasets of texts that the files have
    *("algorithm", "symmetry", "leg", "component"),
    *(f"{kind}_{name}" for kind in ("solution", "pair", "bend", "plane") for name in ("failure", "id")),
)
NEW_VARIABLES = ("barrier_points",)  # of kinds that there were


def modern(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Tables of a configuration in today's form: flat keys of [measure] become tables of their own."""
    tables, measure = dict(settings), settings.get("measure")
    if not isinstance(measure, Mapping) or not {*measure} & {*MOVED, "inset_fraction"}:
        return tables
    flat = {key: value for key, value in measure.items() if key in MOVED}
    known: dict[str, Any] = {name: value for name, value in measure.items() if name not in (*MOVED, "inset_fraction")}
    for key, value in flat.items():
        for table, name in MOVED[key]:
            given = known.get(table, True)
            asked = table not in ON_DEMAND or flat.get(ON_DEMAND[table]) or isinstance(given, Mapping)
            if asked and (given is True or isinstance(given, Mapping)):
                known[table] = {name: value, **_mapping(given)}
    tables["measure"] = known
    figure = tables.get("figure", {})
    if measure.get("inset_fraction") is not None and isinstance(figure, Mapping):
        inset = {"inset_fraction": measure["inset_fraction"], **_mapping(figure.get("local_energy"))}
        tables["figure"] = {**figure, "local_energy": inset}
    return tables


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def layout(spec: SweepSpec) -> Layout:
    """Layout of an older file, in which measurements that were made with the training are stored beside it."""
    today = layout_of(spec)
    kinds = {}
    for name, kind in today.kinds.items():
        variables = {key: of for key, of in kind.variables.items() if key not in NEW_VARIABLES}
        if name == TRAINING:
            for measure in MEASURED_WITH_TRAINING:
                variables |= today.kinds[measure].variables if measure in today.kinds else {}
        if name not in MEASURED_WITH_TRAINING:
            kinds[name] = kind._replace(variables=variables)
    return replace(today, kinds=kinds)


def todays(spec: SweepSpec, task: Task, outcome: Outcome) -> list[tuple[Task, Outcome]]:
    """A task of an older file with its outcome, as the tasks that it would be today."""
    if task.kind != TRAINING:
        return [(task, outcome)]
    parts = {name: {*measure.variables(settings)} for name, (measure, settings) in spec.measures.items()}
    own = {name for measure in MEASURED_WITH_TRAINING for name in parts.get(measure, ())}
    trained = {name: values for name, values in outcome.arrays.items() if name not in own}
    found = [(task, Outcome(trained, outcome.seconds, outcome.failure))]
    for measure in MEASURED_WITH_TRAINING if not outcome.failure else ():
        arrays = {name: values for name, values in outcome.arrays.items() if name in parts.get(measure, ())}
        if arrays:
            found.append((replace(task, kind=measure), Outcome(arrays, 0.0)))
    return found


def whole(task: Task) -> Task:
    """The task of an older file that includes today's task."""
    return replace(task, kind=TRAINING) if task.kind in MEASURED_WITH_TRAINING else task


def task_id(spec: SweepSpec, task: Task) -> str:
    """Id that a task has in a file of schema 3."""
    if task.kind != TRAINING:
        return task_identity(spec, task).id
    measure, settings = spec.measures["local_energy"]
    flips = settings.model_dump()
    drawn = {"fit": streams(spec, task)["fit"].id}
    sampled = settings.model_copy(update={"method": "sampled"})
    named = _with(spec, measure, sampled)
    drawn["local_energy"] = streams(named, Task("local_energy", task.cell, task.solutions))["local_energy"].id
    value = {"task": TRAINING, "streams": drawn, "fractions": flips["fractions"], "realizations": flips["realizations"]}
    if spec.family.in_disorder == ():  # families whose inputs the data determine: ids named more settings
        value |= {"flips": flips["flips"], "method": flips["method"]}
        value["realizations"] = flips["realizations"] if flips["method"] == "sampled" else None
    return identify(value | spec.problem.test_key(spec.at(task.cell.point).data)).id


def _with(spec: SweepSpec, measure: Any, settings: Any) -> SweepSpec:
    return replace(spec, measures={**spec.measures, measure.name: (measure, settings)})
