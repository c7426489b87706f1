"""The best weights that a message-passing algorithm meets on its way."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from binland.callbacks import Callback, TrainingState, ended_by
from binland.messages import Messages
from binland.models import Solution

if TYPE_CHECKING:
    from binland.algorithms.focusing import FBP
    from binland.algorithms.reinforcement import RBP


def best_decoded(
    messages: Messages, steps: Iterable[object], algorithm: "FBP | RBP", callback: Callback | None
) -> Solution:
    """The most probable weights with the fewest train errors, of those after every step; of equal ones the first.

    steps: each one is made by asking for it. Its history are the train errors of the most probable weights; a callback
    is told of these, and its solution is the best until then.
    """
    best, least = Solution(messages.machine, messages.decoded), messages.patterns.n_patterns + 1
    history: list[float] = []

    def solution(_: int = 0) -> Solution:
        return replace(best, history=np.array(history), algorithm=algorithm)

    def state() -> TrainingState:
        return TrainingState("training", len(history), algorithm.n_records, np.array(history[-1:]), None, solution)

    for _ in steps:
        here = Solution(messages.machine, messages.decoded)
        errors = here.error_count(messages.patterns)
        history.append(errors / messages.patterns.n_patterns)
        if errors < least:
            best, least = here, errors
        if callback is not None and ended_by(callback, state()):
            break
        if algorithm.stop_at_zero_error and errors == 0:
            break
    return solution()
