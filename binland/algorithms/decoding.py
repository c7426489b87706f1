"""The best weights that message passing comes by."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from binland.messages import Messages
from binland.models import Solution


def best_decoded(messages: Messages, steps: Iterable[object], stop_at_zero_error: bool) -> Solution:
    """The most probable weights with the fewest train errors, of those after every step; of equal ones the first.

    steps: each one is made by asking for it. Its history are the train errors of the most probable weights.
    """
    best, least, history = Solution(messages.machine, messages.decoded), messages.patterns.n_patterns + 1, []
    for _ in steps:
        here = Solution(messages.machine, messages.decoded)
        errors = here.error_count(messages.patterns)
        history.append(errors / messages.patterns.n_patterns)
        if errors < least:
            best, least = here, errors
        if stop_at_zero_error and errors == 0:
            break
    return replace(best, history=np.array(history))
