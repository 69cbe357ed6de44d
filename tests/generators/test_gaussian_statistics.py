"""Fitting, saving and reading Gaussian statistics, and the recipe of the embedded ones."""

import importlib.machinery
import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

from generators.errors import SettingsError, WeightsError
from generators.gaussian import GaussianGenerator, embedded_statistics
from generators.gaussian_statistics import (
    GaussianStatistics,
    fit_statistics,
    load_statistics,
    mode_coefficients,
    off_diagonal_share,
    to_coefficients,
)

RECIPE = Path(__file__).resolve().parents[2] / "scripts" / "fit_embedded_generator"


@pytest.fixture(scope="module")
def recipe() -> ModuleType:
    loader = importlib.machinery.SourceFileLoader("fit_embedded_generator", str(RECIPE))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def noise_pictures(n: int, seed: int = 0, size: int = 8) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (n, size, size, 3)).astype(np.uint8)


@pytest.fixture
def fitted() -> GaussianStatistics:
    return fit_statistics([noise_pictures(40)], 50, "Noise.")


def test_coefficients_keep_the_energy_of_the_picture() -> None:
    pictures = noise_pictures(3)

    scaled = pictures.astype(np.float64) / 127.5 - 1.0

    energy = (to_coefficients(pictures).astype(np.float64) ** 2).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(energy, (scaled**2).sum(axis=(1, 2, 3)), rtol=1e-5)


def test_fitting_in_batches_equals_fitting_at_once() -> None:
    pictures = noise_pictures(30)

    at_once = fit_statistics([pictures], 60, "Noise.")
    in_batches = fit_statistics([pictures[:7], pictures[7:8], pictures[8:]], 60, "Noise.")

    np.testing.assert_allclose(in_batches.mode_variance, at_once.mode_variance, rtol=1e-5)
    np.testing.assert_array_equal(in_batches.mode_index, at_once.mode_index)


def test_fitted_moments_are_those_of_the_mode_coefficients(fitted: GaussianStatistics) -> None:
    coefficients = mode_coefficients(noise_pictures(40), fitted)

    np.testing.assert_allclose(fitted.mode_mean, coefficients.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(fitted.mode_variance, coefficients.var(axis=0, ddof=1), rtol=1e-4)


def test_refitting_what_the_generator_paints_gives_its_statistics_back() -> None:
    first = fit_statistics([noise_pictures(400) // 4 + 96], 192, "Noise.")
    generator = GaussianGenerator(192, 8, first)
    painted = generator.render(generator.initial_codes(4000, np.random.default_rng(1)))

    again = fit_statistics([painted], 192, "Painted.")

    total = float(first.mode_variance.sum())
    assert float(again.mode_variance.sum()) == pytest.approx(total, rel=0.02)
    # The colour axes of white noise are arbitrary, so means are compared as pictures.
    zero = np.zeros((1, 192), dtype=np.float32)
    np.testing.assert_allclose(
        GaussianGenerator(192, 8, again).pixels(zero), generator.pixels(zero), atol=0.05
    )


def test_the_recipe_reproduces_the_embedded_statistics(recipe: ModuleType) -> None:
    refit: GaussianStatistics = recipe.fit(96)
    shipped = embedded_statistics()

    strong = shipped.mode_index[:200]
    place = {int(index): rank for rank, index in enumerate(refit.mode_index)}
    estimated = refit.mode_variance[[place[int(index)] for index in strong]]
    ratio = estimated / shipped.mode_variance[:200]
    # A variance from 96 pictures is within a few tens of percent; their mean is much closer.
    assert 0.85 < float(np.median(ratio)) < 1.15
    assert float(np.quantile(np.abs(np.log(ratio)), 0.9)) < 0.6
    agreement = np.abs(refit.colour_basis.T @ shipped.colour_basis)
    np.testing.assert_allclose(agreement, np.eye(3), atol=0.2)


def test_embedded_statistics_are_those_of_the_documented_recipe(recipe: ModuleType) -> None:
    shipped = embedded_statistics()

    assert shipped.n_modes == 4096
    assert shipped.image_size_px == 128
    assert f"{recipe.N_IMAGES} pictures" in shipped.provenance
    assert f"seed {recipe.SEED}" in shipped.provenance
    assert Path(recipe.TARGET).stat().st_size < 300_000


def test_embedded_statistics_have_the_digest_that_logs_refer_to() -> None:
    # A deliberate refit changes this line; nothing else may.
    digest = "058909293d6e39a933c1630ab9de6a0279bbd0afcae021261d1f8087cfa2b505"

    assert embedded_statistics().sha256() == digest


def test_uncorrelated_modes_have_nothing_beside_the_diagonal() -> None:
    rng = np.random.default_rng(5)

    share = off_diagonal_share(rng.standard_normal((2000, 30)), rng.standard_normal((2000, 30)))

    assert abs(share) < 0.02


def test_two_equal_modes_have_half_beside_the_diagonal() -> None:
    rng = np.random.default_rng(5)
    one, other = rng.standard_normal((2, 2000, 1)).repeat(2, axis=2)

    assert off_diagonal_share(one, other) == pytest.approx(0.5)


def test_saved_statistics_come_back_equal_and_with_the_same_digest(
    fitted: GaussianStatistics, tmp_path: Path
) -> None:
    path = tmp_path / "statistics.npz"
    fitted.save(path)

    again = load_statistics(path)

    assert again.sha256() == fitted.sha256()
    assert again.provenance == fitted.provenance


def test_the_digest_changes_with_any_number(fitted: GaussianStatistics) -> None:
    mean = fitted.mode_mean.copy()
    mean[-1] = np.nextafter(mean[-1], np.float32(np.inf))
    changed = GaussianStatistics(
        fitted.image_size_px,
        fitted.mode_index,
        mean,
        fitted.mode_variance,
        fitted.colour_basis,
        fitted.provenance,
    )

    assert changed.sha256() != fitted.sha256()


def rewritten(path: Path, **changes: object) -> None:
    with np.load(path) as file:
        np.savez(path, **{**dict(file), **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mode_variance": np.full(50, np.nan)}, "variances are not positive"),
        ({"mode_variance": np.arange(1.0, 51.0)}, "variances are not positive, finite and falling"),
        ({"mode_mean": np.zeros(49)}, "differ in length"),
        ({"mode_mean": np.full(50, np.inf)}, "mean is not finite"),
        ({"mode_index": np.zeros(50)}, "repeat"),
        ({"mode_index": np.arange(150, 200)}, "outside the picture"),
        ({"colour_basis": np.ones((3, 3))}, "not orthonormal"),
    ],
)
def test_impossible_statistics_are_refused_with_the_reason(
    fitted: GaussianStatistics, tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    path = tmp_path / "statistics.npz"
    fitted.save(path)
    rewritten(path, **changes)

    with pytest.raises(WeightsError, match=message):
        load_statistics(path)


def write_text(path: Path) -> None:
    path.write_text("no statistics")


def write_nothing(path: Path) -> None:
    path.touch()


def write_other_arrays(path: Path) -> None:
    np.savez(path, something=np.zeros(3))


def write_objects(path: Path) -> None:
    np.savez(path, image_size_px=np.array([{}], dtype=object))


def leave_missing(path: Path) -> None:
    path.unlink(missing_ok=True)


@pytest.mark.parametrize(
    "write", [write_text, write_nothing, write_other_arrays, write_objects, leave_missing]
)
def test_a_file_that_holds_no_statistics_is_refused(
    tmp_path: Path, write: Callable[[Path], None]
) -> None:
    path = tmp_path / "statistics.npz"
    write(path)

    with pytest.raises(WeightsError, match=r"as Gaussian statistics|there is no file"):
        load_statistics(path)


@pytest.mark.parametrize(
    ("batches", "n_modes", "message"),
    [
        ([], 4, "0 pictures have no variance"),
        ([noise_pictures(1)], 4, "1 pictures have no variance"),
        ([noise_pictures(4)], 193, "193 modes were asked for, but 192 vary"),
        ([noise_pictures(4)], 0, "0 modes"),
        ([noise_pictures(4), noise_pictures(4, size=16)], 4, "differ in size"),
        ([noise_pictures(4)[:, :6]], 4, "give \\(n, size, size, 3\\)"),
    ],
)
def test_pictures_that_cannot_be_fitted_are_refused(
    batches: list[NDArray[np.uint8]], n_modes: int, message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        fit_statistics(batches, n_modes, "Noise.")
