"""The code of a picture, for a generator that can only go the other way.

What is made small is the distance plus the mean absolute difference of pixels, before pixels are
cut. Adam descends in coordinates along the axes of the metric (c = z Uᵀ), where each direction has
one curvature everywhere; in the genes themselves all are mixed. A search that needs no slopes, such
as CMA-ES, finds where to begin: in each round its proposals are descended a little, and judged by
where they come to (Wampler & Popović 2009). The best of all then descends to the end.

A generator with an exact inverse is asked for that instead. Left out: the search (a session's own
optimizers serve, but this package knows none), files.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from generators.base import ExactlyInvertible, Generator, checked_codes, checked_pictures
from generators.differentiable import DifferentiableGenerator
from generators.errors import SettingsError
from generators.geometry.distances import Distance
from generators.geometry.metric import Axes, Tell
from generators.geometry.products import Codes, Floats
from generators.geometry.walks import pixels_shown
from generators.network import exact_convolutions

RATE = 0.05
"""Step of Adam, in standard deviations of a gene of natural contrast."""
_TINY = 1e-12
"""Keeps the slope of a distance finite at 0."""
_AT_ONCE = 8
_TOLD_EVERY = 25


class Search(Protocol):
    """Proposes codes, and learns how good they were."""

    def ask(self) -> Codes:
        """Return proposals ``(n, code_dim)``; the first ones are those it was started from."""

    def tell(self, losses: Floats) -> None:
        """Learn the losses ``(n,)`` of the last proposals, by row; less is better."""


@dataclass(frozen=True)
class Recipe:
    """How much of each.

    Attributes:
        rounds: of the search.
        descent: steps of Adam that each proposal is descended before it is judged.
        final: steps of Adam from the best of all.

    """

    rounds: int
    descent: int
    final: int

    def __post_init__(self) -> None:
        if min(self.rounds, self.descent, self.final) < 0:
            raise SettingsError(f"{self} has a negative number: write 0 or more")


RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        "descend": Recipe(0, 0, 600),
        "refined": Recipe(1, 30, 600),
        "search": Recipe(50, 0, 500),
        "basin": Recipe(10, 10, 500),
    }
)
"""All but the first are those of the authors' code (github.com/Animadversio/GAN-Geometry)."""


@dataclass(frozen=True, eq=False)
class Inverted:
    """The code that was found for a picture, and how near its image comes.

    Attributes:
        code: ``(code_dim,)`` float32.
        distance: d between the picture and the image of the code, as it is shown.
        mean_absolute: mean absolute difference of their pixels, 0 to 1.
        start_distance: d of the best code that was there before anything descended.
        exact: whether it is the generator's own exact inverse.

    """

    code: Codes
    distance: float
    mean_absolute: float
    start_distance: float
    exact: bool


def invert(
    generator: Generator,
    picture: NDArray[np.uint8],
    distance: Distance,
    starts: Codes,
    axes: Axes | None = None,
    recipe: Recipe = RECIPES["descend"],
    search: Search | None = None,
    tell: Tell = lambda _: None,
) -> Inverted:
    """Find the code whose image comes near to a picture.

    Args:
        generator: with gradients, an exact inverse, or, if there is a search, any.
        picture: ``(h, w, 3)`` uint8, of the generator's own size.
        distance: between pictures.
        starts: ``(n, code_dim)``, one or more; the best of them is where descent begins.
        axes: of the generator's metric; without it descent is in the genes.
        recipe: how much of what; rounds of search need a search.
        search: proposes where to begin.
        tell: is told how far work has come.

    Raises:
        SettingsError: the picture does not fit, or there is nothing to search with.
        CodesError: as `Generator.render`.

    """
    target = checked_pictures(picture[np.newaxis], generator.image_shape)[0]
    if isinstance(generator, ExactlyInvertible):
        return _judged(generator, distance, target, generator.invert(picture[np.newaxis])[0], None)
    checked = checked_codes(starts, generator.code_dim)
    if not len(checked):
        raise SettingsError("no codes to start from were given: give one or more")
    if recipe.rounds and search is None:
        raise SettingsError("rounds of a search were asked for without a search: give one")
    loss = _Loss(generator, distance, target)
    descent = _Descent(generator, loss, axes)
    best = _Best()
    best.see(checked, loss.of(checked))
    start = best.code
    for index in range(recipe.rounds):
        tell(f"round {index + 1} of {recipe.rounds}: loss {best.loss:.4f}")
        _search_once(search, descent, recipe.descent, best)
    _descend_last(descent, recipe.final, best, tell)
    return _judged(generator, distance, target, best.code, start)


class _Best:
    """The best code seen."""

    def __init__(self) -> None:
        self.loss = float("inf")
        self.code: Codes = np.zeros(0, np.float32)

    def see(self, codes: Codes, losses: Floats) -> None:
        """Look at codes ``(n, code_dim)`` and their losses ``(n,)``; NaN is never best."""
        if np.isnan(losses).all():
            return
        index = int(np.nanargmin(losses))
        if losses[index] < self.loss:
            self.loss, self.code = float(losses[index]), codes[index].copy()


class _Loss:
    """Distance plus mean absolute difference to one picture ``(h, w, 3)`` in 0..1."""

    def __init__(
        self, generator: Generator, distance: Distance, target: NDArray[np.float32]
    ) -> None:
        self._distance = distance
        self._target = torch.from_numpy(target).permute(2, 0, 1).unsqueeze(0)
        self._paint: Callable[[Tensor], Tensor] | None = None
        self._shown = pixels_shown(generator)
        if isinstance(generator, DifferentiableGenerator):
            self._paint = generator.torch_pixels
            self._target = self._target.to(generator.device)

    def of(self, codes: Codes) -> Floats:
        """Return losses ``(n,)`` of codes ``(n, code_dim)``."""
        parts = []
        for start in range(0, len(codes), _AT_ONCE):
            rows = codes[start : start + _AT_ONCE]
            with torch.no_grad(), exact_convolutions():
                found = self._between(self._pixels(rows))
            parts.append(found.cpu().numpy().astype(np.float64))
        return np.concatenate(parts)

    def of_tensor(self, codes: Tensor) -> Tensor:
        """Return the same for a generator with gradients, with them."""
        if self._paint is None:
            raise SettingsError("this generator has no gradients: only a search can invert it")
        return self._between(self._paint(codes))

    def _pixels(self, codes: Codes) -> Tensor:
        if self._paint is None:
            return self._shown(codes)
        return self._paint(torch.from_numpy(np.array(codes)).to(self._target.device))

    def _between(self, pixels: Tensor) -> Tensor:
        target = self._target.expand(len(pixels), -1, -1, -1)
        apart = (self._distance.squared(pixels, target) + _TINY).sqrt()
        absolute: Tensor = (pixels - target).abs().mean(dim=(1, 2, 3))
        return apart + absolute


class _Descent:
    """Adam along the axes of a metric, or in the genes."""

    def __init__(self, generator: Generator, loss: _Loss, axes: Axes | None) -> None:
        self.loss = loss
        self.possible = isinstance(generator, DifferentiableGenerator)
        self._rate = RATE * generator.norm_hint / generator.code_dim**0.5
        self._device = generator.device if isinstance(generator, DifferentiableGenerator) else "cpu"
        self._axes: Tensor | None = None
        if axes is not None:
            self._axes = torch.from_numpy(_all_of_space(axes.vectors)).float().to(self._device)

    def each(
        self, codes: Codes, steps: int, tell: Callable[[int, float], None] = lambda *_: None
    ) -> list[_Best]:
        """Descend each of codes ``(n, code_dim)``; return the best seen from each."""
        found = [_Best() for _ in codes]
        for start in range(0, len(codes), _AT_ONCE):
            rows = slice(start, start + _AT_ONCE)
            self._together(codes[rows], steps, found[rows], tell)
        return found

    def _together(
        self, codes: Codes, steps: int, found: list[_Best], tell: Callable[[int, float], None]
    ) -> None:
        at = torch.from_numpy(np.array(codes)).to(self._device)
        at = (at if self._axes is None else at @ self._axes.T).requires_grad_()
        adam = torch.optim.Adam([at], lr=self._rate)
        for step in range(steps + 1):
            with torch.enable_grad(), exact_convolutions():
                here = at if self._axes is None else at @ self._axes
                losses = self.loss.of_tensor(here)
                (at.grad,) = torch.autograd.grad(losses.sum(), at)
            now, values = here.detach().cpu().numpy(), losses.detach().cpu().numpy()
            for best, code, value in zip(found, now, values, strict=True):
                best.see(code[np.newaxis], np.array([float(value)]))
            tell(step, min(best.loss for best in found))
            adam.step()


def _search_once(search: Search | None, descent: _Descent, steps: int, best: _Best) -> None:
    if search is None:
        return
    proposals = search.ask()
    if steps and descent.possible:
        ends = descent.each(proposals, steps)
        codes, losses = np.stack([end.code for end in ends]), np.array([end.loss for end in ends])
    else:
        codes, losses = proposals, descent.loss.of(proposals)
    best.see(codes, losses)
    search.tell(losses)


def _descend_last(descent: _Descent, steps: int, best: _Best, tell: Tell) -> None:
    if not steps or not descent.possible:
        return

    def told(step: int, loss: float) -> None:
        if step % _TOLD_EVERY == 0:
            tell(f"step {step} of {steps}: loss {loss:.4f}")

    (end,) = descent.each(best.code[np.newaxis], steps, told)
    best.see(end.code[np.newaxis], np.array([end.loss]))


def _judged(
    generator: Generator,
    distance: Distance,
    target: NDArray[np.float32],
    code: Codes,
    start: Codes | None,
) -> Inverted:
    """Look at the image of a code as it is shown."""
    images = generator.render(np.stack([code, code if start is None else start]))
    shown = torch.from_numpy(images.astype(np.float32) / np.float32(255.0)).permute(0, 3, 1, 2)
    wanted = torch.from_numpy(target).permute(2, 0, 1).unsqueeze(0).expand(2, -1, -1, -1)
    apart = distance.squared(shown, wanted).clamp(min=0.0).sqrt()
    return Inverted(
        code=code,
        distance=float(apart[0]),
        mean_absolute=float((shown[0] - wanted[0]).abs().mean()),
        start_distance=float(apart[1]),
        exact=start is None,
    )


def _all_of_space(vectors: Floats) -> Floats:
    """Return axes ``(k, d)`` with orthonormal others that make them ``(d, d)``."""
    if len(vectors) == vectors.shape[1]:
        return vectors
    whole = np.linalg.qr(vectors.T, mode="complete")[0].T
    return np.concatenate([vectors, whole[len(vectors) :]])
