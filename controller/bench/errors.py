"""What can go wrong in a race."""

from controller.errors import ControllerError


class BenchError(ControllerError):
    """A race cannot be run, or saved results cannot be used."""
