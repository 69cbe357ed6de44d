"""Start an emulator: `python -m rig_adapters.emulators KIND`."""

import sys

from rig_adapters.emulators.process import main

if __name__ == "__main__":
    sys.exit(main())
