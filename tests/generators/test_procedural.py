"""The pictures that the project paints itself."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from generators import scenes
from generators.errors import SettingsError
from generators.painting import Picture, noise
from generators.procedural import natural_references, procedural_images

Maker = Callable[[int, int, np.random.Generator], NDArray[np.uint8]]

MAKERS = pytest.mark.parametrize("maker", [procedural_images, natural_references])
SCENES = pytest.mark.parametrize(
    "scene",
    [
        scenes.cells,
        scenes.clouds,
        scenes.contours,
        scenes.dead_leaves,
        scenes.face_like,
        scenes.fibres,
        scenes.flower,
        scenes.grating,
        scenes.landscape,
        scenes.still_life,
    ],
)


@MAKERS
def test_the_same_seed_paints_the_same_pictures(maker: Maker) -> None:
    first, again, other = (maker(6, 32, np.random.default_rng(seed)) for seed in (1, 1, 2))

    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@MAKERS
def test_the_first_pictures_do_not_depend_on_how_many_follow(maker: Maker) -> None:
    few, many = (maker(n, 32, np.random.default_rng(1)) for n in (2, 5))

    np.testing.assert_array_equal(few, many[:2])


@MAKERS
def test_no_pictures_can_be_asked_for(maker: Maker) -> None:
    assert maker(0, 16, np.random.default_rng(0)).shape == (0, 16, 16, 3)


@MAKERS
@pytest.mark.parametrize(("n", "size_px"), [(-1, 32), (2, 7)])
def test_impossible_numbers_and_sizes_are_refused(maker: Maker, n: int, size_px: int) -> None:
    with pytest.raises(SettingsError, match=f"{n} pictures of {size_px} pixels"):
        maker(n, size_px, np.random.default_rng(0))


@SCENES
@pytest.mark.parametrize("seed", range(6))
def test_every_scene_is_a_finite_picture_with_contrast(
    scene: Callable[[int, np.random.Generator], Picture], seed: int
) -> None:
    picture = scene(48, np.random.default_rng(seed))

    assert picture.shape == (48, 48, 3)
    assert picture.dtype == np.float32
    assert float(picture.min()) >= 0.0
    assert float(picture.max()) <= 1.0
    assert float(picture.std(axis=(0, 1)).max()) > 0.02


def test_references_are_all_different_and_coloured() -> None:
    images = natural_references(20, 32, np.random.default_rng(0))

    assert len({image.tobytes() for image in images}) == 20
    spread_over_channels = images.astype(np.float64).std(axis=3).mean(axis=(1, 2))
    assert float(np.median(spread_over_channels)) > 5


@pytest.mark.parametrize("slope", [0.5, 1.0, 2.0])
def test_noise_has_the_amplitude_spectrum_asked_for(slope: float) -> None:
    rng = np.random.default_rng(0)
    power = np.mean([np.abs(np.fft.rfft2(noise(64, slope, rng))) ** 2 for _ in range(60)], axis=0)
    radius = np.hypot(np.fft.fftfreq(64)[:, None], np.fft.rfftfreq(64)[None, :])
    inside = (radius > 0.05) & (radius < 0.4)

    fitted = np.polyfit(np.log(radius[inside]), 0.5 * np.log(power[inside]), 1)[0]

    assert fitted == pytest.approx(-slope, abs=0.05)


def test_noise_is_standardised() -> None:
    field = noise(64, 1.3, np.random.default_rng(0), stretch=4.0, angle_rad=0.7)

    assert float(field.mean()) == pytest.approx(0.0, abs=1e-4)
    assert float(field.std()) == pytest.approx(1.0, abs=1e-4)
