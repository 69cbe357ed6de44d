"""The contract of a generator whose map torch can differentiate, as tests.

A laboratory adds the class to its own subclass of `GeneratorContract`; the fixture is the same:

    class TestMyGenerator(GeneratorContract, DifferentiableContract):
        ...

Left out: speed, and second derivatives, which `generators.geometry` does without.
"""

from typing import cast

import numpy as np
import pytest
import torch
from torch import Tensor

from generators.base import Generator
from generators.differentiable import Differentiable

N_CODES = 3
_OFF_LEVELS = 0.51
"""Rendering rounds to the nearest level, and may compute in another order."""
_STEP = 1e-2
"""Of a finite difference, as a share of the code's norm; rounding of float32 forbids less."""


class DifferentiableContract:
    """Tests for a generator with `torch_pixels`; a subclass supplies the fixture ``generator``."""

    @pytest.fixture(scope="class")
    @classmethod
    def torch_codes(cls, generator: Generator) -> Tensor:
        """Give random codes at natural contrast, ``(N_CODES, code_dim)``."""
        drawn = generator.initial_codes(N_CODES, np.random.default_rng(13))
        return torch.from_numpy(drawn).to(cast(Differentiable, generator).device)

    def test_it_is_differentiable(self, generator: Generator) -> None:
        assert isinstance(generator, Differentiable)

    def test_clipped_and_rounded_pixels_are_the_rendered_images(
        self, generator: Generator, torch_codes: Tensor
    ) -> None:
        pixels = _pixels(generator, torch_codes)
        height, width, _ = generator.image_shape
        images = generator.render(torch_codes.cpu().numpy())

        assert pixels.shape == (N_CODES, 3, height, width)
        assert pixels.dtype == torch.float32
        levels = 255.0 * pixels.clamp(0.0, 1.0).permute(0, 2, 3, 1).cpu().numpy()
        assert np.abs(levels - images).max() <= _OFF_LEVELS

    def test_the_same_codes_give_the_same_pixels(
        self, generator: Generator, torch_codes: Tensor
    ) -> None:
        first, again = (_pixels(generator, torch_codes) for _ in range(2))

        assert torch.equal(first, again)

    def test_codes_keep_their_values_and_pixels_are_not_shared(
        self, generator: Generator, torch_codes: Tensor
    ) -> None:
        mine = torch_codes.clone()
        first = _pixels(generator, mine)
        kept = first.clone()
        _pixels(generator, mine + 1.0)

        assert torch.equal(mine, torch_codes)
        assert torch.equal(first, kept)

    def test_pixels_of_a_code_follow_that_code_alone(
        self, generator: Generator, torch_codes: Tensor
    ) -> None:
        codes = torch_codes.clone().requires_grad_()
        with torch.enable_grad():
            pixels = cast(Differentiable, generator).torch_pixels(codes)
            (slope,) = torch.autograd.grad(pixels[0].square().sum(), codes)

        assert bool((slope[0] != 0).any())
        assert bool((slope[1:] == 0).all())

    def test_gradients_agree_with_finite_differences(
        self, generator: Generator, torch_codes: Tensor
    ) -> None:
        code, towards = torch_codes[:1], _towards(torch_codes)
        step = _STEP * float(code.norm())
        ahead, behind = (_pixels(generator, code + s * step * towards) for s in (1, -1))
        weights = (ahead - behind) / (2 * step)

        here = code.clone().requires_grad_()
        with torch.enable_grad():
            pixels = cast(Differentiable, generator).torch_pixels(here)
            (slope,) = torch.autograd.grad((pixels * weights).sum(), here)

        by_gradient = float((slope * towards).sum())
        assert by_gradient == pytest.approx(float(weights.square().sum()), rel=0.05)

    def test_nothing_is_recorded_where_no_gradient_is_asked_for(
        self, generator: Generator, torch_codes: Tensor
    ) -> None:
        assert not _pixels(generator, torch_codes).requires_grad
        with torch.enable_grad():
            assert not cast(Differentiable, generator).torch_pixels(torch_codes).requires_grad


def _pixels(generator: Generator, codes: Tensor) -> Tensor:
    with torch.no_grad():
        return cast(Differentiable, generator).torch_pixels(codes)


def _towards(codes: Tensor) -> Tensor:
    """Give a direction of length 1, ``(1, code_dim)``."""
    rng = np.random.default_rng(17)
    drawn = rng.standard_normal((1, codes.shape[1])).astype(np.float32)
    return torch.from_numpy(drawn / np.linalg.norm(drawn)).to(codes.device)
