"""Passes between minima by flood fill, and merge trees vertex by vertex; imports nothing from the packages."""

import itertools
import math

import numpy as np


def grid_neighbours(shape, diagonals=False):
    """Neighbours of each point of a grid, by index."""
    every = {}
    steps = [step for step in itertools.product((-1, 0, 1), repeat=len(shape)) if any(step)]
    steps = [step for step in steps if diagonals or sum(map(abs, step)) == 1]
    for k, place in enumerate(np.ndindex(*shape)):
        around = [tuple(np.add(place, step)) for step in steps]
        inside = [one for one in around if all(0 <= x < n for x, n in zip(one, shape, strict=True))]
        every[k] = [int(np.ravel_multi_index(one, shape)) for one in inside]
    return every


def graph_neighbours(n, edges):
    every = {k: [] for k in range(n)}
    for i, j in edges:
        every[i].append(j)
        every[j].append(i)
    return every


def flooded(values, neighbours, start, level):
    """Vertices that water of a level reaches from a vertex."""
    wet, todo = set(), [start] if values[start] <= level else []
    while todo:
        v = todo.pop()
        if v not in wet:
            wet.add(v)
            todo += [u for u in neighbours[v] if values[u] <= level]
    return wet


def barrier(values, neighbours, i, j):
    """The lowest level at which water from i reaches j, tried one after the other."""
    for level in sorted(values):
        if j in flooded(values, neighbours, i, level):
            return float(level)
    return math.inf


def tree(values, neighbours):
    """{minimum: (saddle, absorber)}, (None, None) for one that stays: vertices appear one by one, equal ones by index.

    A new vertex joins the components of its neighbours in the order in which those appeared.
    """
    order = sorted(range(len(values)), key=lambda v: (values[v], v))
    place = {v: k for k, v in enumerate(order)}
    component, oldest, found = {}, {}, {}
    for v in order:
        component[v], oldest[v] = v, v
        for u in sorted((u for u in neighbours[v] if place[u] < place[v]), key=place.get):
            a, b = component[u], component[v]
            if a == b:
                continue
            old, young = sorted((oldest[a], oldest[b]), key=place.get)
            if young != v:
                found[young] = (v, old)
            for w, one in component.items():
                if one == b:
                    component[w] = a
            oldest[a] = old
    for one in {component[v] for v in order}:
        found[oldest[one]] = (None, None)
    return {v: (s, a) for v, (s, a) in found.items() if s is None or values[s] > values[v]}
