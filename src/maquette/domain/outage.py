"""Since when something is away: so that it is said once when it goes and once when it is back, not with each try."""

from dataclasses import dataclass


@dataclass(slots=True)
class Outage:
    """What one process knows of one thing that it needs. Times are seconds of any clock that does not jump."""

    since: float | None = None

    def begins(self, now: float) -> bool:
        """Note a failure; True for the first of an outage."""
        if self.since is not None:
            return False
        self.since = now
        return True

    def ends(self, now: float) -> float | None:
        """Note a success; how long the outage lasted (s) when this is its end."""
        if self.since is None:
            return None
        lasted, self.since = now - self.since, None
        return lasted
