"""`python -m rig_adapters.stimulus --endpoint ENDPOINT`: the stimulus process."""

from rig_adapters.peer_process import serve
from rig_adapters.stimulus.base import Display
from rig_adapters.stimulus.presenter import run
from rig_adapters.stimulus.psychopy_display import PsychoPyDisplay
from rig_adapters.stimulus.virtual_display import VirtualDisplay
from rig_adapters.wire.conversation import STIMULUS


def make_display(kind: str) -> Display:
    """Return the display of the configured kind, not yet opened."""
    return PsychoPyDisplay() if kind == "psychopy" else VirtualDisplay()


if __name__ == "__main__":
    raise SystemExit(
        serve(
            STIMULUS,
            "Shows images on a screen for the session daemon.",
            lambda listener: run(listener, make_display),
        )
    )
