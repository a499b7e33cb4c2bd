"""Python's collector of cycles looks seldom. A batch makes hundreds of thousands of small lists without a cycle, and
looking for one among them, time and again, took longer than all that is done with them."""

import gc

YOUNG = 100_000
"""Containers made since the last look that bring the next one."""


def collect_seldom() -> None:
    """Leave what there is now out of every look, and look seldom."""
    gc.freeze()
    gc.set_threshold(YOUNG, 20, 20)
