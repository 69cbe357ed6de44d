"""Start the adapter for Blackrock: `python -m rig_adapters.blackrock --endpoint ENDPOINT`."""

import sys

from rig_adapters.acquisition.process import runner
from rig_adapters.blackrock.source import connect
from rig_adapters.peer_process import serve
from rig_adapters.wire.conversation import RIG

if __name__ == "__main__":
    sys.exit(serve(RIG, "Spikes from a Blackrock instrument.", runner("blackrock", connect)))
