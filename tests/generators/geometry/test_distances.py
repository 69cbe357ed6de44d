"""Distances: what is near, what is far, and LPIPS beside a second implementation in numpy."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from generators.errors import SettingsError, WeightsError
from generators.geometry.distances import (
    Distance,
    FeatureDistance,
    OfFeatures,
    PixelDistance,
    PyramidDistance,
    blur,
    laplacian_bands,
)
from generators.geometry.lpips import CONVOLUTIONS, LpipsDistance, read_lpips
from generators.geometry.steerable import SteerableDistance

Array = NDArray[np.float64]
WEIGHTLESS = [PixelDistance(), PyramidDistance(), PyramidDistance(0), SteerableDistance()]


def pictures(n: int, height: int = 32, width: int = 40) -> Tensor:
    drawn = np.random.default_rng(3).random((n, 3, height, width), dtype=np.float32)
    return torch.from_numpy(drawn)


def grating(phase: float, vertical: bool = True, size: int = 64) -> Tensor:
    waves = 0.5 + 0.3 * torch.cos(torch.arange(size) * 2 * np.pi / 8 + phase)
    image = waves.expand(size, size)
    return (image if vertical else image.T).expand(1, 3, size, size)


def lpips_files(folder: Path, seed: int = 1) -> tuple[Path, Path]:
    """Write files with the keys and shapes of torchvision's AlexNet and of LPIPS 0.1."""
    rng = torch.Generator().manual_seed(seed)
    network = {"classifier.1.weight": torch.zeros(2, 2)}
    for layer in CONVOLUTIONS:
        shape = (layer.n_out, layer.n_in, layer.kernel, layer.kernel)
        scale = (2.0 / (layer.n_in * layer.kernel**2)) ** 0.5
        network[f"{layer.name}.weight"] = scale * torch.randn(shape, generator=rng)
        network[f"{layer.name}.bias"] = 0.1 * torch.randn(layer.n_out, generator=rng)
    linear = {
        f"lin{index}.model.1.weight": torch.rand((1, n, 1, 1), generator=rng)
        for index, n in enumerate((64, 192, 384, 256, 256))
    }
    torch.save(network, folder / "alexnet.pth")
    torch.save(linear, folder / "alex.pth")
    return folder / "alexnet.pth", folder / "alex.pth"


@pytest.fixture(scope="module")
def lpips(tmp_path_factory: pytest.TempPathFactory) -> LpipsDistance:
    """Give LPIPS with random weights."""
    return read_lpips(*lpips_files(tmp_path_factory.mktemp("lpips")))


@pytest.mark.parametrize("distance", WEIGHTLESS, ids=lambda d: d.name)
def test_a_distance_is_zero_for_equal_pictures_and_the_same_both_ways(
    distance: OfFeatures,
) -> None:
    one, other = pictures(4)[:2], pictures(4)[2:]

    assert isinstance(distance, Distance)
    assert isinstance(distance, FeatureDistance)
    assert (distance.squared(one, one) == 0).all()
    assert (distance.squared(one, other) > 0).all()
    assert torch.equal(distance.squared(one, other), distance.squared(other, one))
    apart = distance.features(one) - distance.features(other)
    torch.testing.assert_close(distance.squared(one, other), apart.square().sum(dim=1))


@pytest.mark.parametrize("distance", WEIGHTLESS, ids=lambda d: d.name)
def test_a_tenth_of_the_way_from_black_to_white_is_a_distance_of_a_tenth(
    distance: OfFeatures,
) -> None:
    grey = torch.full((1, 3, 48, 32), 0.3)

    found = distance.squared(grey, grey + 0.1).sqrt()
    assert float(found) == pytest.approx(0.1, rel=1e-4)


@pytest.mark.parametrize("distance", WEIGHTLESS, ids=lambda d: d.name)
def test_a_picture_does_not_depend_on_the_ones_beside_it(distance: OfFeatures) -> None:
    together = distance.features(pictures(3))
    alone = torch.cat([distance.features(pictures(3)[i : i + 1]) for i in range(3)])

    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-6)


def test_bands_of_a_pyramid_put_together_are_the_picture() -> None:
    picture = pictures(1, 32, 32)
    bands = laplacian_bands(picture)
    assert [band.shape[2] for band in bands] == [32, 16, 8, 4]

    # A band is what the blur took away, and the next begins with every other pixel of the rest.
    blurred = picture - bands[0]
    torch.testing.assert_close(blurred, blur(picture))
    torch.testing.assert_close(blurred[:, :, ::2, ::2] - bands[1], blur(blurred[:, :, ::2, ::2]))


def test_the_finest_detail_hardly_counts_for_the_pyramid() -> None:
    grey = torch.full((1, 3, 64, 64), 0.5)
    checks = grey + 0.2 * (torch.arange(64) % 2 * 2 - 1).view(1, 1, 1, -1)
    stripes = grey + 0.2 * (torch.arange(64) // 16 % 2 * 2 - 1).view(1, 1, 1, -1)

    fine, coarse = (float(PyramidDistance().squared(grey, p).sqrt()) for p in (checks, stripes))
    assert fine < 0.03
    assert coarse > 0.1


def test_for_the_steerable_distance_texture_moves_little_when_it_is_shifted() -> None:
    steerable, pixel = SteerableDistance(), PixelDistance()
    shifted, turned = grating(np.pi), grating(0.0, vertical=False)

    def apart(distance: OfFeatures, other: Tensor) -> float:
        return float(distance.squared(grating(0.0), other).sqrt())

    assert apart(pixel, shifted) > apart(pixel, turned)
    assert apart(steerable, shifted) < 0.3 * apart(steerable, turned)


def test_lpips_is_what_its_authors_compute(lpips: LpipsDistance, tmp_path: Path) -> None:
    network, linear = (torch.load(p, weights_only=True) for p in lpips_files(tmp_path))
    one, other = pictures(2, 64, 48)[:1], pictures(2, 64, 48)[1:]
    expected = 0.0
    for index, (a, b) in enumerate(
        zip(alexnet(one, network), alexnet(other, network), strict=True)
    ):
        weights = linear[f"lin{index}.model.1.weight"].numpy().astype(float).reshape(-1, 1, 1)
        unit_a, unit_b = (x / (np.sqrt((x**2).sum(axis=0)) + 1e-10) for x in (a, b))
        expected += (weights * (unit_a - unit_b) ** 2).sum(axis=0).mean()

    assert float(lpips.squared(one, other)) == pytest.approx(expected, rel=1e-4)
    assert lpips.name.startswith("lpips-alex-")


def alexnet(picture: Tensor, network: dict[str, Tensor]) -> list[Array]:
    """Return the five layers after their ReLU, in plain numpy."""
    shift = np.array([-0.030, -0.088, -0.188]).reshape(3, 1, 1)
    scale = np.array([0.458, 0.448, 0.450]).reshape(3, 1, 1)
    x = (2.0 * picture[0].numpy().astype(float) - 1.0 - shift) / scale
    found = []
    for name, stride, padding, pooled in (
        ("features.0", 4, 2, False),
        ("features.3", 1, 2, True),
        ("features.6", 1, 1, True),
        ("features.8", 1, 1, False),
        ("features.10", 1, 1, False),
    ):
        if pooled:
            windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))
            x = windows[:, ::2, ::2].max(axis=(3, 4))
        kernel = network[f"{name}.weight"].numpy().astype(float)
        x = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
        windows = np.lib.stride_tricks.sliding_window_view(x, kernel.shape[2:], axis=(1, 2))
        x = np.einsum("ihwkl,oikl->ohw", windows[:, ::stride, ::stride], kernel, optimize=True)
        bias = network[f"{name}.bias"].numpy().astype(float)
        x = np.maximum(x + bias.reshape(-1, 1, 1), 0.0)
        found.append(x)
    return found


def test_lpips_has_slopes_also_where_all_channels_are_silent(lpips: LpipsDistance) -> None:
    picture = torch.full((1, 3, 64, 64), 0.5).requires_grad_()
    (slope,) = torch.autograd.grad(lpips.features(picture).square().sum(), picture)

    assert bool(torch.isfinite(slope).all())
    with pytest.raises(SettingsError, match="32 pixels or more"):
        lpips.features(torch.zeros(1, 3, 16, 16))


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("missing", "missing features.6.bias"),
        ("misshapen", "features.0.weight has shape"),
        ("nan", "features.3.bias holds values"),
        ("negative", "negative weights"),
        ("swapped", "missing features.0.weight"),
        ("cut", "cut short"),
        ("absent", "cut short|no weights file"),
    ],
)
def test_files_that_are_not_lpips_are_refused(tmp_path: Path, fault: str, told: str) -> None:
    alexnet_file, linear_file = lpips_files(tmp_path)
    network, linear = (torch.load(p, weights_only=True) for p in (alexnet_file, linear_file))
    if fault == "missing":
        del network["features.6.bias"]
    elif fault == "misshapen":
        network["features.0.weight"] = network["features.0.weight"][:, :, 1:]
    elif fault == "nan":
        network["features.3.bias"][5] = torch.nan
    elif fault == "negative":
        linear["lin2.model.1.weight"][0, 3] = -0.1
    torch.save(network, alexnet_file)
    torch.save(linear, linear_file)
    if fault == "swapped":
        alexnet_file, linear_file = linear_file, alexnet_file
    elif fault == "cut":
        alexnet_file.write_bytes(alexnet_file.read_bytes()[:5000])
    elif fault == "absent":
        alexnet_file.unlink()

    with pytest.raises(WeightsError, match=told):
        read_lpips(alexnet_file, linear_file)


def test_other_weights_give_another_name(lpips: LpipsDistance, tmp_path: Path) -> None:
    assert read_lpips(*lpips_files(tmp_path, seed=2)).name != lpips.name


def test_bands_that_cannot_be_left_out_are_refused() -> None:
    with pytest.raises(SettingsError, match="leave out 0 or more"):
        PyramidDistance(-1)
    with pytest.raises(SettingsError, match="leave out fewer"):
        PyramidDistance(5).features(pictures(1, 16, 16))
