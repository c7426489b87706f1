"""Fair times of several ways to do one thing: in one process, taking turns."""

import statistics
import time
from collections.abc import Callable

import torch


def in_turns(repeat: int, *calls: Callable[[], object]) -> list[list[float]]:
    """Seconds of each call, taking turns, after one turn that is not counted."""
    seconds: list[list[float]] = [[] for _ in calls]
    for turn in range(repeat + 1):
        for call, taken in zip(calls, seconds, strict=True):
            began = time.perf_counter()
            call()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            if turn:
                taken.append(time.perf_counter() - began)
    return seconds


def spread(seconds: list[float]) -> str:
    """Median, least and most."""
    return f"{statistics.median(seconds):.3g} s ({min(seconds):.3g} - {max(seconds):.3g})"


def ratio(slow: list[float], fast: list[float]) -> str:
    """Of the medians."""
    return f"{statistics.median(slow) / statistics.median(fast):.2f}"
