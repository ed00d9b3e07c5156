"""PostgreSQL's snapshots as values: which transactions a reader saw. Text form ``xmin:xmax:xip,xip,…`` (``pg_snapshot``)."""

import itertools
import re
from dataclasses import dataclass

_TEXT = re.compile(r"([0-9]{1,19}):([0-9]{1,19}):((?:[0-9]{1,19}(?:,[0-9]{1,19})*)?)", re.ASCII)
_XID_MAX = 2**63 - 1
#: A transaction's id is never a multiple of this: PostgreSQL skips zero when its 32 bits turn over.
_WRAP = 2**32


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Sees every transaction below ``xmax`` but those that were still ``open``."""

    xmax: int
    open: tuple[int, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "Snapshot":
        """Return what a text says; ``ValueError`` for one that PostgreSQL would refuse, or would not have written."""
        match = _TEXT.fullmatch(text)
        if match is None:
            raise ValueError("no snapshot")
        xmin, xmax = int(match[1]), int(match[2])
        still_open = tuple(map(int, match[3].split(","))) if match[3] else ()
        rising = all(a < b for a, b in itertools.pairwise(still_open))
        real = all(xid % _WRAP for xid in (xmin, xmax, *still_open))
        if not (rising and real and xmin <= xmax <= _XID_MAX and all(xmin <= x < xmax for x in still_open)):
            raise ValueError("no snapshot")
        return cls(xmax, still_open)

    def __str__(self) -> str:
        return f"{self.open[0] if self.open else self.xmax}:{self.xmax}:{','.join(map(str, self.open))}"

    def towards(self, target: "Snapshot", below: int) -> "Snapshot":
        """Return a snapshot that sees what this one does, and of ``target`` the transactions ``below`` an xid."""
        seen_now = [xid for xid in target.open if xid < below]
        not_yet = [xid for xid in self.open if xid >= below]
        return Snapshot(max(below, self.xmax), tuple(seen_now + not_yet))


#: Saw nothing.
BEGINNING = Snapshot(1)
