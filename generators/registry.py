"""Which generators there are: those that come with neuroloop, and those that others installed.

A package of another lab makes its generator known by an entry point in its own pyproject.toml,
under any name; what a config calls it says the `kind` of its settings:

    [project.entry-points."neuroloop.generators"]
    my_network = "mylab.my_network:MySettings"

From an entry follow the config's table and its errors, the reference and `neuroloop generator`.
Nothing is built here, and torch is not loaded.
"""

import typing
from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from generators.biggan.settings import BigGanSettings
from generators.deepsim.settings import DeepSimSettings
from generators.diffusion.settings import EdmSettings, FolderDiffusionSettings
from generators.diffusion.tiny_settings import TinyDiffusionSettings
from generators.embedded.settings import EmbeddedSettings
from generators.errors import GeneratorError
from generators.fitted_gaussian.settings import FittedGaussianSettings
from generators.gaussian_settings import GaussianSettings
from generators.settings import GeneratorSettings
from generators.stylegan2.settings import StyleGanSettings

ENTRY_POINTS = "neuroloop.generators"

OWN: tuple[type[GeneratorSettings], ...] = (
    GaussianSettings,
    DeepSimSettings,
    FittedGaussianSettings,
    BigGanSettings,
    StyleGanSettings,
    EmbeddedSettings,
    EdmSettings,
    FolderDiffusionSettings,
    TinyDiffusionSettings,
)
"""Those that come with neuroloop; nobody else's can take their names."""


class UnusablePackage(GeneratorError):
    """The entry point of a package is no generator."""


@cache
def settings_classes() -> tuple[type[GeneratorSettings], ...]:
    """Return the settings of every generator; what packages are at fault is left out."""
    taken = {kind for settings in OWN for kind in kinds_of(settings)}
    found = [*OWN]
    for loaded in _installed():
        if isinstance(loaded, UnusablePackage) or taken & set(kinds_of(loaded)):
            continue
        taken |= set(kinds_of(loaded))
        found.append(loaded)
    return tuple(found)


def faults() -> tuple[str, ...]:
    """Return a sentence for each installed package whose entry point is no generator."""
    return tuple(str(loaded) for loaded in _installed() if isinstance(loaded, UnusablePackage))


def kinds() -> Mapping[str, type[GeneratorSettings]]:
    """Return the settings of every generator by the `kind` that a config names it with."""
    return {kind: settings for settings in settings_classes() for kind in kinds_of(settings)}


def kinds_of(settings: type[GeneratorSettings]) -> tuple[str, ...]:
    """Return the names that one class of settings goes by."""
    return typing.get_args(settings.model_fields["kind"].annotation)


@cache
def _installed() -> tuple[type[GeneratorSettings] | UnusablePackage, ...]:
    return tuple(_loaded(point) for point in entry_points(group=ENTRY_POINTS))


def _loaded(point: EntryPoint) -> type[GeneratorSettings] | UnusablePackage:
    where = f"the entry point {point.name} = {point.value} of {ENTRY_POINTS}"
    remedy = "its package is at fault; correct or uninstall it"
    try:
        loaded = point.load()
    except Exception as error:  # noqa: BLE001  # whatever a package of others does when loaded
        return UnusablePackage(f"{where} cannot be loaded ({error}): {remedy}")
    if not isinstance(loaded, type) or not issubclass(loaded, GeneratorSettings):
        return UnusablePackage(f"{where} is no subclass of GeneratorSettings: {remedy}")
    if not kinds_of(loaded):
        return UnusablePackage(f"{where} has no kind of type Literal: {remedy}")
    return loaded
