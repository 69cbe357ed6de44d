"""Start the adapter that relays connect to: `python -m rig_adapters.relay --endpoint ENDPOINT`."""

import sys

from rig_adapters.acquisition.process import runner
from rig_adapters.peer_process import serve
from rig_adapters.relay.source import connect
from rig_adapters.wire.conversation import RIG

if __name__ == "__main__":
    sys.exit(serve(RIG, "Spikes from a relay beside a recording system.", runner("relay", connect)))
