"""Every error that this package raises, so that a caller can tell whose fault it was.

    GeneratorError
    ├── CodesError       the caller gave codes that no generator can render
    ├── SettingsError    the caller asked for a generator or image size that does not exist
    ├── WeightsError     a weights or statistics file is missing, damaged or of another network
    └── PictureError     a picture file or a folder of pictures cannot be used

Each message is one sentence: what happened, with the offending value, and what to do.
"""


class GeneratorError(Exception):
    """Root of all errors of this package."""


class CodesError(GeneratorError):
    """Codes have the wrong shape or hold values that are not finite."""


class SettingsError(GeneratorError):
    """A generator was asked for in a form that cannot be made."""


class WeightsError(GeneratorError):
    """A file of weights or statistics cannot be used."""


class PictureError(GeneratorError):
    """A user's picture file or folder cannot be used."""
