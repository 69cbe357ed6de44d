"""Start the adapter for LSL streams: `python -m rig_adapters.lsl --endpoint ENDPOINT`."""

import sys

from rig_adapters.acquisition.process import runner
from rig_adapters.lsl.source import connect
from rig_adapters.peer_process import serve
from rig_adapters.wire.conversation import RIG

if __name__ == "__main__":
    sys.exit(serve(RIG, "Spikes by the Lab Streaming Layer.", runner("lsl", connect)))
