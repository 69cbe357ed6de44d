"""What all torch generators have in common, with a network of two layers."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from generators.base import Generator
from generators.errors import GeneratorError, SettingsError
from generators.network import ROWS_TOGETHER, STEM_ROWS, NetworkGenerator, StagedNetwork
from generators.settings import Precision
from generators.testing.differentiable_contract import DifferentiableContract
from generators.testing.generator_contract import GeneratorContract


class Small(StagedNetwork):
    """A dense stem and a convolution; notes how many rows each is given."""

    def __init__(self) -> None:
        super().__init__()
        self.dense, self.convolution = nn.Linear(12, 8 * 4 * 4), nn.Conv2d(8, 3, 3, padding=1)
        numbers = torch.Generator().manual_seed(2)
        for parameter in self.requires_grad_(False).parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=numbers))
        self.seen: list[tuple[str, int]] = []

    def stem(self, codes: Tensor) -> Tensor:
        self.seen.append(("stem", len(codes)))
        dense: Tensor = self.dense(codes)
        return dense.view(-1, 8, 4, 4)

    def trunk(self, features: Tensor) -> Tensor:
        self.seen.append(("trunk", len(features)))
        return torch.sigmoid(self.convolution(features)).repeat_interleave(2, 2).repeat(1, 1, 1, 2)


class PlacesMatter(Small):
    """The first of several features comes out otherwise."""

    def trunk(self, features: Tensor) -> Tensor:
        pixels = super().trunk(features)
        return pixels + torch.eye(len(features))[:, :1, None, None] * (len(features) > 1)


class RowsMatter(Small):
    """The first of several codes comes out otherwise."""

    def stem(self, codes: Tensor) -> Tensor:
        return super().stem(codes) + torch.eye(len(codes))[:, :1, None, None] * (len(codes) > 1)


class SmallGenerator(NetworkGenerator):
    """The network as a generator."""

    name, norm_hint = "small", 12**0.5  # type: ignore[assignment]  # they never change
    weights_sha256, provenance = "0" * 64, "Made for a test."  # type: ignore[assignment]

    def __init__(self, network: Small, precision: Precision = "float32") -> None:
        self.small = network
        super().__init__(network, 12, 8, precision=precision)


class OnEight(SmallGenerator):
    """Gives the trunk eight at a time, as on a graphics card."""

    def _sizes(self) -> tuple[tuple[int, int], ...]:
        return (ROWS_TOGETHER, (STEM_ROWS, 1), (1, 1))


def codes(n: int) -> NDArray[np.float32]:
    return np.random.default_rng(5).standard_normal((n, 12), dtype=np.float32)


class _Described:
    """Attributes of a class can be set on an instance; those of generators cannot."""

    @pytest.mark.parametrize("attribute", ["code_dim", "image_shape"])
    def test_its_description_cannot_be_changed(self, generator: Generator, attribute: str) -> None:
        with pytest.raises(AttributeError):
            setattr(generator, attribute, getattr(generator, attribute))


class TestOneByOne(_Described, GeneratorContract, DifferentiableContract):
    @pytest.fixture(scope="class")
    @classmethod
    def generator(cls) -> Generator:
        return SmallGenerator(Small())


class TestEightAtATime(_Described, GeneratorContract, DifferentiableContract):
    @pytest.fixture(scope="class")
    @classmethod
    def generator(cls) -> Generator:
        return OnEight(Small())


def test_each_stage_is_always_given_as_many_rows() -> None:
    generator = OnEight(Small())
    generator.small.seen.clear()

    generator.render(codes(20))

    assert set(generator.small.seen) == {("stem", 16), ("trunk", 8)}
    assert generator.small.seen.count(("stem", 16)) == 2
    assert generator.small.seen.count(("trunk", 8)) == 3


def test_the_first_image_needs_one_stem_and_one_trunk() -> None:
    generator = SmallGenerator(Small())
    generator.small.seen.clear()

    next(generator.stream(codes(40), [1] * 40))

    assert generator.small.seen == [("stem", STEM_ROWS), ("trunk", 1)]


@pytest.mark.parametrize(
    ("network", "rows"), [(PlacesMatter, (STEM_ROWS, 1)), (RowsMatter, (1, 1))]
)
def test_codes_go_one_by_one_where_their_place_matters(
    network: type[Small], rows: tuple[int, int]
) -> None:
    generator = OnEight(network())
    generator.small.seen.clear()

    images = generator.render(codes(9))

    assert set(generator.small.seen) == {("stem", rows[0]), ("trunk", rows[1])}
    np.testing.assert_array_equal(images[4:5], generator.render(codes(9)[4:5]))


def test_pixels_that_are_no_numbers_are_an_error() -> None:
    network = Small()
    generator = SmallGenerator(network)
    network.convolution.bias[0] = float("nan")

    with pytest.raises(GeneratorError, match="too large for float32"):
        generator.render(codes(1))


def test_a_device_that_is_not_there_is_refused_with_a_remedy() -> None:
    with pytest.raises(SettingsError, match='device = "cpu"'):
        NetworkGenerator.__init__(object.__new__(SmallGenerator), Small(), 12, 8, "cuda:7")


def test_another_precision_changes_pixels_by_a_few_levels() -> None:
    exact, rough = (SmallGenerator(Small(), p) for p in ("float32", "bfloat16"))

    off = np.abs(exact.render(codes(9)).astype(int) - rough.render(codes(9)))

    assert 0 < off.max() < 8
