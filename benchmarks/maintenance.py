"""The maintenance process: the product's own ``maintain``, sampled when somebody wants to know where its time goes."""

from benchmarks.sampling import sampled
from maquette import bootstrap, settings


def main() -> None:
    """Relay, sweep and keep gates with the settings of the environment until SIGTERM."""
    with sampled("maintenance"):
        bootstrap.maintain(settings.load())


if __name__ == "__main__":
    main()
