"""Start the SpikeGLX adapter: `python -m rig_adapters.spikeglx --endpoint ENDPOINT`."""

import sys

from rig_adapters.acquisition.process import runner
from rig_adapters.peer_process import serve
from rig_adapters.spikeglx.source import connect
from rig_adapters.wire.conversation import RIG

if __name__ == "__main__":
    sys.exit(serve(RIG, "Spikes from SpikeGLX.", runner("spikeglx", connect)))
