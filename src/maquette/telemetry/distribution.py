"""How values are distributed: counts in buckets, cheap enough for every batch and step."""

from bisect import bisect_left
from collections.abc import Sequence


class Distribution:
    """Counts by upper bound (inclusive), as Prometheus has histograms. One thread adds; any may read."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def buckets(self) -> list[tuple[str, float]]:
        """Return how many values were up to each bound; the last one is infinity."""
        names = [*map(str, map(float, self.bounds)), "+Inf"]
        reached, found = 0, []
        for name, count in zip(names, list(self.counts), strict=True):
            reached += count
            found.append((name, float(reached)))
        return found
