"""`python -m rig_adapters.xdream --endpoint ENDPOINT`: the process at the folders of a rig."""

import sys

from rig_adapters.peer_process import serve
from rig_adapters.wire.conversation import FOLDERS
from rig_adapters.xdream.process import run

sys.exit(serve(FOLDERS, "Images and responses through folders, as with XDream.", run))
