"""The spherical perceptron with a margin, positive or negative: replica theory and simulation.

Weights W (N,) on the sphere |W|^2 = N have to satisfy W . xi / sqrt(N) > kappa for P = alpha N Gaussian patterns xi
(Gardner 1988; Franz and Parisi 2016 for kappa < 0). The functions here say how the solutions lie and which of them are
connected by geodesics on which every constraint holds: Annesi, Lauditi, Lucibello, Malatesta, Perugini, Pittorino and
Saglietti, "The star-shaped space of solutions of the spherical negative perceptron", Phys. Rev. Lett. 131, 227301
(2023).
"""

from typing import TYPE_CHECKING

from binland.lazy import lazy

if TYPE_CHECKING:
    from binland.spherical.barriers import energy
    from binland.spherical.crossing import cross_overlap
    from binland.spherical.descent import solve
    from binland.spherical.gardner import Typical, almeida_thouless, capacity, overlap, stability, typical
    from binland.spherical.instances import Instance, Perceptron, Solution, patterns
    from binland.spherical.margins import convex_margin, kernel_margin, maximum_margin
    from binland.spherical.sampling import Chain, sample
    from binland.spherical.simplices import barycentre, energies

_MODULES = {
    "crossing": ("cross_overlap",),
    "descent": ("solve",),
    "barriers": ("energy",),
    "instances": ("Instance", "Perceptron", "Solution", "patterns"),
    "margins": ("convex_margin", "kernel_margin", "maximum_margin"),
    "sampling": ("Chain", "sample"),
    "simplices": ("barycentre", "energies"),
    "gardner": ("Typical", "almeida_thouless", "capacity", "overlap", "stability", "typical"),
}

__all__ = [
    "Chain",
    "Instance",
    "Perceptron",
    "Solution",
    "Typical",
    "almeida_thouless",
    "barycentre",
    "capacity",
    "convex_margin",
    "cross_overlap",
    "energies",
    "energy",
    "kernel_margin",
    "maximum_margin",
    "overlap",
    "patterns",
    "sample",
    "solve",
    "stability",
    "typical",
]

if not TYPE_CHECKING:  # a name that is not there is an error of types, too
    __getattr__, __dir__ = lazy(__name__, _MODULES, globals())
