import math

import pytest

from binland.sweep.progress import duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (59.4, "59.4 s"), (61, "1 min 01 s"), (7260, "2 h 01 min"), (math.nan, "unknown time")],
)
def test_every_time_is_a_text(seconds, text):
    assert duration(seconds) == text
