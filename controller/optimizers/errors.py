"""Errors of the optimizers, one per culprit.

    OptimizerError
    ├── OptimizerOptionError   an option or the initial codes make no sense: fix the configuration
    ├── AskTellError           the caller broke the conversation: fix the caller
    ├── OptimizerStateError    a saved state does not fit this optimizer: fix file or options
    └── DivergedError          the search itself left the range of float32: restart it, smaller

What is left out: a missing score. It is not an error but data (NaN, or `n_valid` 0).
"""


class OptimizerError(Exception):
    """Root of everything that an optimizer raises on purpose."""


class OptimizerOptionError(OptimizerError, ValueError):
    """An option, or the set of initial codes, cannot be used.

    option: the option at fault, with whose name the message then begins; None where there is no
        single one.
    """

    def __init__(self, message: str, option: str | None = None) -> None:
        super().__init__(message)
        self.option = option


class AskTellError(OptimizerError):
    """`ask` and `tell` were called out of order, or with rows that do not match what was asked."""


class OptimizerStateError(OptimizerError, ValueError):
    """A saved state lacks a field, has one too many, or one of another shape."""


class DivergedError(OptimizerError):
    """The proposed codes are no longer finite float32 numbers."""
