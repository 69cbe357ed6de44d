"""Which rig adapters there are: those that come with neuroloop, and those that others installed.

A package of another lab makes its adapter known by an entry point in its own pyproject.toml:

    [project.entry-points."neuroloop.rig_adapters"]
    my_recorder = "mylab.my_recorder:ADAPTER"

Nothing is started here; settings are looked at, so that a config can be checked before anything is.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from pydantic import BaseModel, ValidationError

from rig_adapters.blackrock.settings import BlackrockSettings
from rig_adapters.errors import RigError
from rig_adapters.intan.settings import IntanSettings
from rig_adapters.lsl.settings import LslSettings
from rig_adapters.open_ephys.settings import OpenEphysSettings
from rig_adapters.relay.settings import RelaySettings
from rig_adapters.sim.settings import SimRigSettings
from rig_adapters.spikeglx.settings import SpikeGlxSettings
from rig_adapters.xdream.settings import XdreamSettings

ENTRY_POINTS = "neuroloop.rig_adapters"


@dataclass(frozen=True)
class Adapter:
    """What is known of an adapter before it runs.

    module: what `python -m` starts.
    settings: the model of its table `[rig.settings]`; the adapter validates it once more.
    records: in a few words, what it records from.
    scan: "module:function" that looks for such systems on this machine (see
    `rig_adapters.scanning`); None where nothing can be looked for.
    counts_in: returns of its settings the window in which its system counts, where it tells of no
    single spikes; None where it does.
    watches_light: it is simulated and looks at the session's screen; so it can also be virtual.
    through_folders: another program shows the images and reports responses, both as files; so it
    is display and rig in one, and speaks the conversation of the folders.
    """

    module: str
    settings: type[BaseModel]
    records: str
    scan: str | None = None
    counts_in: Callable[[Any], tuple[float, float] | None] = lambda _: None
    watches_light: bool = False
    through_folders: bool = False


class UnknownAdapter(RigError):
    """A name that no adapter has."""


_OWN: Mapping[str, Adapter] = {
    "sim": Adapter("rig_adapters.sim", SimRigSettings, "simulated neurons", watches_light=True),
    "open-ephys": Adapter(
        "rig_adapters.open_ephys",
        OpenEphysSettings,
        "the ZMQ Interface of Open Ephys",
        scan="rig_adapters.open_ephys.scan:look",
    ),
    "intan": Adapter(
        "rig_adapters.intan", IntanSettings, "Intan RHX", scan="rig_adapters.intan.scan:look"
    ),
    "lsl": Adapter(
        "rig_adapters.lsl",
        LslSettings,
        "streams of the Lab Streaming Layer",
        scan="rig_adapters.lsl.scanning:look",
    ),
    "relay": Adapter(
        "rig_adapters.relay",
        RelaySettings,
        "a relay beside any other recording system",
        counts_in=lambda settings: settings.counts_window_s,
    ),
    "blackrock": Adapter(
        "rig_adapters.blackrock",
        BlackrockSettings,
        "Blackrock's Gemini NSPs and hubs",
        scan="rig_adapters.blackrock.scan:look",
    ),
    "spikeglx": Adapter(
        "rig_adapters.spikeglx",
        SpikeGlxSettings,
        "SpikeGLX",
        scan="rig_adapters.spikeglx.scan:look",
    ),
    "xdream": Adapter(
        "rig_adapters.xdream",
        XdreamSettings,
        "a rig that finds images in a folder and writes responses into one, as with XDream",
        through_folders=True,
    ),
}


@cache
def adapters() -> Mapping[str, Adapter]:
    """Return every adapter by its name; those that come with neuroloop cannot be replaced."""
    found: dict[str, Adapter] = {}
    for point in entry_points(group=ENTRY_POINTS):
        loaded = point.load()
        if not isinstance(loaded, Adapter):
            raise UnknownAdapter(
                f"the entry point {point.name} = {point.value} of {ENTRY_POINTS} is no Adapter: "
                "its package is at fault; correct or uninstall it"
            )
        found[point.name] = loaded
    return {**found, **_OWN}


def adapter_named(name: str) -> Adapter:
    """Return the adapter of that name. Raises UnknownAdapter where there is none."""
    known = adapters()
    if name not in known:
        raise UnknownAdapter(f"no adapter is called {name!r}; there are {', '.join(sorted(known))}")
    return known[name]


def settings_problems(adapter: Adapter, settings: Mapping[str, Any]) -> ValidationError | None:
    """Return what is wrong with an adapter's settings; None where nothing is."""
    try:
        adapter.settings.model_validate(settings)
    except ValidationError as error:
        return error
    return None
