"""How everything is measured: two operations in turns, and the medians of their times."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

# What is measured, what against, the limit, and what was measured: ratios, or a text where there is more to say.
Rows = list[tuple[str, str, float | str, float | str]]


def medians(
    subject: Callable[[], object],
    baseline: Callable[[], object],
    *,
    rounds: int,
    warm: int = 3,
    before: Callable[[], object] = lambda: None,
) -> tuple[float, float]:
    """Median times in seconds of two operations, taken in turns; ``before`` runs ahead of each round, and
    ``warm`` rounds ahead of all, unmeasured."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(warm):
        subject(), baseline()
    for _ in range(rounds):
        before()
        for function, spent in zip((subject, baseline), times, strict=True):
            start = time.perf_counter()
            function()
            spent.append(time.perf_counter() - start)
    return median(times[0]), median(times[1])


def ratio(
    subject: Callable[[], object],
    baseline: Callable[[], object],
    *,
    rounds: int,
    warm: int = 3,
    before: Callable[[], object] = lambda: None,
) -> float:
    """Median time of ``subject`` over median time of ``baseline``."""
    one, other = medians(subject, baseline, rounds=rounds, warm=warm, before=before)
    return one / other
