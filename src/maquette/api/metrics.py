"""What the API counts of its requests."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

#: A label per method a client may invent would let anybody fill the memory.
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUCKETS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


def known_method(method: str) -> str:
    """Return a request's method, or what stands for all that nobody knows."""
    return method if method in _METHODS else "other"


class Metrics:
    """Requests by route template, method and status; their duration; how many are being answered now."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.in_flight = Gauge(
            "maquette_http_requests_in_flight", "Requests being answered now", registry=self.registry
        )
        self._requests = Counter(
            "maquette_http_requests",
            "Requests answered",
            ("route", "method", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "maquette_http_request_duration_seconds",
            "Time from the request's arrival to the end of its response",
            ("route", "method"),
            buckets=_BUCKETS_SECONDS,
            registry=self.registry,
        )
        self.refusals = Counter(
            "maquette_refusals",
            "Requests refused, by error code, or by the limit that was reached",
            ("reason",),
            registry=self.registry,
        )
        self.refused = Counter(
            "maquette_authentications_refused",
            "Requests refused because nobody stands behind their credentials",
            ("reason",),
            registry=self.registry,
        )
        # Looking labels up costs more than counting.
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def observe(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answered request. ``route`` is a template (``/jobs/{id}``), never a path."""
        key = (route, known_method(method), status)
        child = self._children.get(key)
        if child is None:
            child = (
                self._requests.labels(key[0], key[1], str(status)),
                self._seconds.labels(key[0], key[1]),
            )
            self._children[key] = child
        child[0].inc()
        child[1].observe(seconds)
