"""Which part of the maps a few units need, and a network that computes no more than that.

The central unit of AlexNet's conv2 sees 51 of 227 pixels: to compute its whole map would take
twenty times as long. So the windows that units need are followed back through all steps, and each
step is given its window, with the margin of zeros that it has where the map ends. Activations stay
the same but for rounding.

The window in the picture is at the same time the extent of the unit's receptive field: what is
outside cannot change its activation.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from rig_adapters.sim.neurons.networks.architectures import (
    Architecture,
    Averaging,
    Block,
    Convolution,
    Cut,
    Dense,
    Layer,
    Pooling,
    Step,
    map_px_after,
)

Span = tuple[int, int]
"""Rows or columns of a map: from and to, half-open."""
Position = tuple[int, int]


@dataclass(frozen=True)
class Window:
    """A part of maps."""

    rows: Span
    columns: Span

    @property
    def spans(self) -> tuple[Span, Span]:
        """Rows and columns."""
        return self.rows, self.columns

    @property
    def is_empty(self) -> bool:
        """Whether nothing is in it."""
        return any(start >= stop for start, stop in self.spans)


@dataclass(frozen=True)
class Windowed:
    """Layers that compute no more than is needed.

    origins: row and column at which the window of each layer begins.
    """

    layers: tuple[Layer, ...]
    origins: Mapping[str, Position]


def whole(px: int) -> Window:
    """All of maps of `px`."""
    return Window((0, px), (0, px))


def extent(architecture: Architecture, layer: str, position: Position, input_px: int) -> Window:
    """Return the part of the picture that a unit's activation depends on.

    For a layer of single numbers the position is (0, 0).
    """
    row, column = position
    window = Window((row, row + 1), (column, column + 1))
    steps = [step for one in architecture.through(layer) for step in one.steps]
    return _needed_by_all(steps, window, input_px)


def windowed(
    layers: Sequence[Layer], needed: Mapping[str, Collection[Position]], input_px: int
) -> Windowed:
    """Return layers that compute the activations at some positions, and little else.

    Args:
        layers: from the first of a network to the last in `needed`.
        needed: positions in the maps of layers, by their names; (0, 0) for single numbers.
        input_px: height and width of whole pictures, which the result takes as they are.

    """
    sizes = [input_px]
    for layer in layers:
        sizes.append(_px_after(layer.steps, sizes[-1]))
    wanted: list[Window] = []
    behind = Window((0, 0), (0, 0))
    for layer, px in reversed(list(zip(layers, sizes[:-1], strict=True))):
        wanted.insert(0, _hull(behind, needed.get(layer.name, ())))
        behind = _needed_by_all(layer.steps, wanted[0], px)
    cut: list[Layer] = []
    have = whole(input_px)
    for layer, want, px in zip(layers, wanted, sizes[:-1], strict=True):
        cut.append(Layer(layer.name, _cut_to(layer.steps, have, want, px)))
        have = want
    names = [layer.name for layer in layers]
    origins = {n: (w.rows[0], w.columns[0]) for n, w in zip(names, wanted, strict=True)}
    return Windowed(tuple(cut), origins)


def _cut_to(steps: Sequence[Step], have: Window, want: Window, px: int) -> tuple[Step, ...]:
    """Return steps from a window of maps of `px` to a window of what they make of these maps."""
    sizes = [px]
    for step in steps:
        sizes.append(map_px_after(step, sizes[-1]))
    goals = [want]
    for step, size in reversed(list(zip(steps, sizes[:-1], strict=True))):
        goals.insert(0, _needed(step, goals[0], size))
    cut: list[Step] = []
    for step, need, goal, size in zip(steps, goals[:-1], goals[1:], sizes[:-1], strict=True):
        cut += _step_from(step, have, need, goal, size)
        have = goal
    # Without steps, as past a block, this is all there is to do.
    return (*cut, *_cutting(have, want))


def _step_from(step: Step, have: Window, need: Window, goal: Window, px: int) -> list[Step]:
    if isinstance(step, Block):
        ways = (_cut_to(way, need, goal, px) for way in (step.path, step.shortcut))
        return [*_cutting(have, need), Block(*ways)]
    if not isinstance(step, Convolution | Pooling):
        return [*_cutting(have, need), step]
    margin: list[int] = []
    for span in goal.spans:
        first, last = _reach(step, span)
        margin += [max(0, -first), max(0, last - px)]
    if have == need and set(margin) == {step.padding}:
        return [step]
    fill = float("-inf") if isinstance(step, Pooling) else 0.0
    above, below, left, right = margin
    return [*_cutting(have, need, (above, below, left, right), fill), replace(step, padding=0)]


def _cutting(
    have: Window,
    need: Window,
    margin: tuple[int, int, int, int] = (0, 0, 0, 0),
    fill: float = 0.0,
) -> list[Step]:
    if have == need and not any(margin):
        return []
    rows, columns = (
        (inner[0] - outer[0], inner[1] - outer[0])
        for outer, inner in zip(have.spans, need.spans, strict=True)
    )
    return [Cut(rows, columns, margin, fill)]


def _needed_by_all(steps: Sequence[Step], want: Window, px: int) -> Window:
    sizes = [px]
    for step in steps:
        sizes.append(map_px_after(step, sizes[-1]))
    for step, size in reversed(list(zip(steps, sizes[:-1], strict=True))):
        want = _needed(step, want, size)
    return want


def _needed(step: Step, want: Window, px: int) -> Window:
    """Return the part of maps of `px` from which a step makes what is wanted."""
    if want.is_empty:
        return want
    if isinstance(step, Averaging | Dense):
        return whole(px)
    if isinstance(step, Block):
        # What its shortcut needs is in the middle of what its path needs.
        return _needed_by_all(step.path, want, px)
    if isinstance(step, Convolution | Pooling):
        rows, columns = (_reach(step, span) for span in want.spans)
        return Window(*((max(0, span[0]), min(px, span[1])) for span in (rows, columns)))
    return want


def _reach(step: Convolution | Pooling, span: Span) -> Span:
    """Rows or columns, perhaps beyond the map, from which those of `span` come."""
    first = span[0] * step.stride - step.padding
    return first, (span[1] - 1) * step.stride - step.padding + step.kernel


def _hull(window: Window, positions: Collection[Position]) -> Window:
    """Return the smallest window that has another one and some positions in it."""
    if not positions:
        return window
    spans = []
    for axis, span in enumerate(window.spans):
        starts = [position[axis] for position in positions]
        stops = [start + 1 for start in starts]
        if not window.is_empty:
            starts, stops = [*starts, span[0]], [*stops, span[1]]
        spans.append((min(starts), max(stops)))
    return Window(spans[0], spans[1])


def _px_after(steps: Sequence[Step], px: int) -> int:
    for step in steps:
        px = map_px_after(step, px)
    return px
