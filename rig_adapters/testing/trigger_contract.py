"""What every TTL line promises, as tests.

A lab runs them on its own:

    class TestOurLine(TriggerContract):
        @pytest.fixture
        def open_line(self):
            return OurLine

        def level(self, line):
            return line.box.read_output()

`open_line` opens a new one when it is called; `level` reads the output back by another way than the
line's own, best of all by a wire to an input.
"""

from collections.abc import Callable, Iterator

import pytest

from rig_adapters.stimulus.trigger import TriggerLine


class TriggerContract:
    """Subclass it, give an `open_line` fixture, and read the output in `level`."""

    def level(self, line: TriggerLine) -> bool:
        """Return whether the output is high."""
        raise NotImplementedError("say how the output of this line is read")

    @pytest.fixture
    def line(self, open_line: Callable[[], TriggerLine]) -> Iterator[TriggerLine]:
        line = open_line()
        yield line
        line.close()

    def test_it_is_low_when_it_is_opened(self, line: TriggerLine) -> None:
        assert self.level(line) is False

    def test_it_follows_what_it_is_told_also_twice(self, line: TriggerLine) -> None:
        told = [True, False, True, True, False, False, True]
        levels = []
        for high in told:
            line.set_high(high)
            levels.append(self.level(line))
        assert levels == told

    def test_it_can_be_closed_twice_and_opened_again_low(
        self, open_line: Callable[[], TriggerLine]
    ) -> None:
        first = open_line()
        first.set_high(True)
        first.close()
        first.close()

        second = open_line()

        assert self.level(second) is False
        second.close()
