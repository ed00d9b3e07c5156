"""What can keep the supervisor from starting or keeping a process. The message says what to do next."""


class SupervisorError(Exception):
    """Something outside Maquette's reach has to change first; the message names it."""


class AlreadyRunningError(SupervisorError):
    """Another process holds this data directory."""
