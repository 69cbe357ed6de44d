"""Start the simulated rig: `python -m rig_adapters.sim --endpoint ENDPOINT`."""

import sys

from rig_adapters.peer_process import serve
from rig_adapters.sim.rig import run
from rig_adapters.wire.conversation import RIG

if __name__ == "__main__":
    sys.exit(serve(RIG, "A rig with simulated neurons that watch a screen.", run))
