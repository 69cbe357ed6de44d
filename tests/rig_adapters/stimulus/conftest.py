"""One virtual screen for all tests that open a window."""

from collections.abc import Iterator

import pytest

from rig_adapters.stimulus.screen import Screen, open_screen

SCREEN_PX = (640, 480)


@pytest.fixture(scope="session")
def screen() -> Iterator[Screen]:
    """Open a virtual screen, also where there is a real one.

    It stays until the end, because Xlib ends a process whose screen goes away.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("DISPLAY", raising=False)
        opened = open_screen(SCREEN_PX)
        yield opened
        opened.close()
