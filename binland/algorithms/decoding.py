"""The best weights that a message-passing algorithm meets on its way."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from binland.messages import Messages
from binland.models import Solution


def best_decoded(messages: Messages, steps: Iterable[object], stop_at_zero_error: bool) -> Solution:
    """Of the most probable weights after every step, those with the fewest train errors (the first of equals).

    steps: an iterator that makes a step each time it is advanced. The history holds the train error after each step.
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
