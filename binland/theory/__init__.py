"""Replica theory of binary perceptrons: properties of typical solutions for N to infinity.

All results are replica-symmetric. Where a problem has no solution nothing is raised: ``.converged`` is False and
``.advice`` says why.
"""

from typing import TYPE_CHECKING

from binland.lazy import lazy

if TYPE_CHECKING:
    from binland.theory.franz_parisi import LocalEntropy, local_entropy
    from binland.theory.manifold import hidden_manifold, hidden_manifold_capacity
    from binland.theory.replicas import CoupledReplicas, coupled_replicas
    from binland.theory.storage import capacity, random_labels
    from binland.theory.teacher import teacher_spinodal, teacher_student, teacher_transition
    from binland.theory.typical import Typical

_MODULES = {
    "franz_parisi": ("LocalEntropy", "local_entropy"),
    "manifold": ("hidden_manifold", "hidden_manifold_capacity"),
    "replicas": ("CoupledReplicas", "coupled_replicas"),
    "storage": ("capacity", "random_labels"),
    "teacher": ("teacher_spinodal", "teacher_student", "teacher_transition"),
    "typical": ("Typical",),
}

__all__ = [
    "CoupledReplicas",
    "LocalEntropy",
    "Typical",
    "capacity",
    "coupled_replicas",
    "hidden_manifold",
    "hidden_manifold_capacity",
    "local_entropy",
    "random_labels",
    "teacher_spinodal",
    "teacher_student",
    "teacher_transition",
]

if not TYPE_CHECKING:  # a name that is not there is an error of types, too
    __getattr__, __dir__ = lazy(__name__, _MODULES, globals())
