"""What can go wrong in the controller itself.

ControllerError
├── ConfigError        the session's configuration cannot be used; one sentence for each problem
├── SessionRefused     pre-flight said no
├── NothingHeard       the rig is there, but recorded nothing of a whole block
│   ├── NoReply        the program at the folders reported nothing that could be used
│   └── OnsetsUnclear  it did, but not even the whole pattern says what belongs to what
├── SessionStopped     the operator stopped a session that could not go on
├── TwinRefused        a search cannot be done again from its log
└── ControlError       a running session could not be reached, or refused a command

Errors of the rig, the generators, the optimizers and the log come from their own packages.
"""

from collections.abc import Sequence


class ControllerError(Exception):
    """Base of the controller's own errors."""


class ConfigError(ControllerError):
    """The configuration has `problems`, each one sentence that names its key."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class SessionRefused(ControllerError):
    """Pre-flight found a reason not to start."""


class TwinRefused(ControllerError):
    """A search cannot be done again from its log."""


class NothingHeard(ControllerError):
    """Not one presentation of a block was recorded."""

    def __init__(self, block: int) -> None:
        super().__init__(
            f"the rig heard nothing of block {block}, although its adapter answers; check that "
            "the recording system is on and records"
        )


class NoReply(NothingHeard):
    """The program at the folders reported nothing of a block; `why` says what is known."""

    def __init__(self, block: int, why: str) -> None:
        ControllerError.__init__(self, f"there are no responses to block {block}: {why}")


class OnsetsUnclear(NothingHeard):
    """Flips and sync edges of a block fit in two ways; `why` says which."""

    def __init__(self, block: int, why: str) -> None:
        ControllerError.__init__(self, f"nothing of block {block} can be scored, for {why}")


class SessionStopped(ControllerError):
    """The operator stopped a session that could not go on; `block_open`: within a block."""

    def __init__(self, reason: str, *, block_open: bool) -> None:
        super().__init__(reason)
        self.block_open = block_open


class ControlError(ControllerError):
    """A running session could not be reached, or it refused a command."""
