"""Looks for streams of the Lab Streaming Layer on this machine, for `neuroloop rig scan`."""

from collections.abc import Iterator

from rig_adapters.acquisition.source import RecorderError
from rig_adapters.scanning import Answer

NEEDS_PYLSL = "streams of the Lab Streaming Layer need pylsl: pip install 'neuroloop[lsl]'"


def look(adapter: str) -> Iterator[Answer]:
    """Yield every stream; connects to none."""
    try:
        from rig_adapters.lsl.streams import Network
    except (ImportError, RuntimeError) as error:
        raise RecorderError(f"{NEEDS_PYLSL} ({error})") from error
    for name, tells in Network(this_machine=True).everything():
        yield Answer(adapter, f"name {name!r}", tells)
