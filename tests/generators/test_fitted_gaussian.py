"""The Gaussian of a folder of pictures, against dense linear algebra on small pictures."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from generators.base import Generator
from generators.errors import PictureError, SettingsError, WeightsError
from generators.fitted_gaussian import fit as fitting
from generators.fitted_gaussian.ensemble import FittedEnsemble, head_start_of, load_ensemble
from generators.fitted_gaussian.fit import Fit, fit_folder
from generators.fitted_gaussian.fresh import fresh_by_gram
from generators.fitted_gaussian.generator import FittedGaussianGenerator
from generators.fitted_gaussian.pictures import PictureStore, fill_from_folder, picture_store
from generators.fitted_gaussian.principal import Principal, principal
from generators.gaussian import NORM_HINT
from generators.testing.differentiable_contract import DifferentiableContract
from generators.testing.generator_contract import GeneratorContract, InvertibleContract

SIZE = 10
WAYS = {"gram": (60, 4096), "sketch": (400, 100)}
"""By name: pictures, and up to how many of them are solved exactly, that lead to each way."""


def some_pictures(
    n: int, size: int = SIZE, seed: int = 0, *, flat: bool = False
) -> NDArray[np.uint8]:
    """Pictures with a falling spectrum, ``(n, size, size, 3)``; a flat one is hard to measure."""
    rng = np.random.default_rng(seed)
    d = 3 * size**2
    modes = np.linalg.qr(rng.standard_normal((d, d)))[0]
    gains = (12.0 if flat else 40.0) * np.sqrt(d) * np.arange(1, d + 1) ** (-0.5 if flat else -1.0)
    levels = 128.0 + (rng.standard_normal((n, d)) * gains) @ modes.T
    return np.clip(levels, 0, 255).astype(np.uint8).reshape(n, size, size, 3)


def filled(store: PictureStore, pictures: NDArray[np.uint8]) -> PictureStore:
    for picture in pictures:
        store.add(picture)
    return store


def dense(pictures: NDArray[np.uint8]) -> tuple[NDArray[np.float64], ...]:
    """Mean, falling variances and modes in rows, by the textbook."""
    values = pictures.reshape(len(pictures), -1) / 127.5 - 1.0
    variances, modes = np.linalg.eigh(np.cov(values, rowvar=False))
    return values.mean(axis=0), variances[::-1], modes.T[::-1]


def save_all(folder: Path, pictures: NDArray[np.uint8]) -> Path:
    folder.mkdir(exist_ok=True)
    for index, picture in enumerate(pictures):
        Image.fromarray(picture).save(folder / f"{index:04d}.png")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_all(tmp_path_factory.mktemp("fit") / "pictures", some_pictures(60))


@pytest.fixture(scope="module")
def fit(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Fit:
    return fit_folder(folder, SIZE, 12, tmp_path_factory.mktemp("scratch"))


class TestGeneratorOfAFewModes(GeneratorContract, InvertibleContract, DifferentiableContract):
    @pytest.fixture(scope="class")
    @classmethod
    def generator(cls, fit: Fit) -> Generator:
        return FittedGaussianGenerator(fit.ensemble)


class TestGeneratorWhosePlacesDiffer(GeneratorContract, InvertibleContract):
    @pytest.fixture(scope="class")
    @classmethod
    def generator(cls, fit: Fit) -> Generator:
        made = FittedGaussianGenerator(fit.ensemble, 7)
        made._at_once = 1
        return made


class TestGeneratorOfManyModes(GeneratorContract):
    @pytest.fixture(scope="class")
    @classmethod
    def generator(cls, tmp_path_factory: pytest.TempPathFactory) -> Generator:
        pictures = some_pictures(90, size=16)
        folder = save_all(tmp_path_factory.mktemp("many") / "pictures", pictures)
        return FittedGaussianGenerator(fit_folder(folder, 16, 80, folder.parent).ensemble)


@pytest.fixture(params=WAYS)
def found(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[tuple[Principal, NDArray[np.uint8]]]:
    n, most_exact = WAYS[request.param]
    pictures = some_pictures(n)
    with picture_store(SIZE, tmp_path) as store:
        yield principal(filled(store, pictures), 20, most_exact=most_exact), pictures


def test_every_way_finds_what_dense_linear_algebra_finds(
    found: tuple[Principal, NDArray[np.uint8]],
) -> None:
    way, pictures = found
    mean, variances, modes = dense(pictures)

    np.testing.assert_allclose(way.mean, mean, atol=1e-6)
    np.testing.assert_allclose(way.variances[:20], variances[:20], rtol=max(1e-4, way.errors.max()))
    mine = way.modes(8)
    # A mode is known up to its sign, which the largest element decides.
    np.testing.assert_allclose(np.abs((mine * modes[:8]).sum(axis=1)), 1.0, atol=1e-3)
    assert (mine[np.arange(8), np.abs(mine).argmax(axis=1)] > 0).all()
    np.testing.assert_allclose(mine @ mine.T, np.eye(8), atol=1e-4)


def test_every_way_knows_the_total_variance(found: tuple[Principal, NDArray[np.uint8]]) -> None:
    way, pictures = found
    _, variances, _ = dense(pictures)
    n_all = min(len(pictures) - 1, 3 * SIZE**2)

    assert len(way.variances) == n_all
    assert way.variances.sum() == pytest.approx(variances.sum(), rel=1e-4)
    assert (np.diff(way.variances) <= 1e-12).all()


def test_the_randomised_way_tests_modes_on_pictures_that_they_have_not_seen(
    tmp_path: Path,
) -> None:
    every = some_pictures(1200, flat=True)
    pictures, others = every[:200], every[200:]
    with picture_store(SIZE, tmp_path) as store:
        filled(store, pictures)
        sketched, exact = principal(store, 60, most_exact=50), principal(store)
        modes = sketched.modes(60)

    fresh = np.square((others.reshape(1000, -1) / 127.5 - 1.0 - sketched.mean) @ modes.T)
    for band in (slice(3, 15), slice(15, 60)):
        told = sketched.fresh[band].sum()
        assert told == pytest.approx(fresh.mean(axis=0)[band].sum(), rel=0.2)
        assert told == pytest.approx(exact.fresh[band].sum(), rel=0.2)
        assert told < 0.85 * sketched.variances[band].sum()


def test_the_randomised_way_says_how_far_off_it_is(tmp_path: Path) -> None:
    pictures = some_pictures(400)
    _, variances, _ = dense(pictures)
    with picture_store(SIZE, tmp_path) as store:
        filled(store, pictures)
        sketched, exact = principal(store, 30, most_exact=50), principal(store, 30)

    assert not exact.errors.any()
    off = np.abs(sketched.variances[:30] - variances[:30]) / variances[:30]
    assert (off <= sketched.errors + 1e-5).all()
    assert 0.0 < sketched.errors.max() < 0.05


def test_many_pictures_of_few_colours_have_few_modes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    shades = rng.integers(0, 256, (120, 1, 1, 3), dtype=np.uint8)
    with picture_store(SIZE, tmp_path) as store:
        filled(store, np.broadcast_to(shades, (120, SIZE, SIZE, 3)))
        ways = principal(store, most_exact=50), principal(store)

    for way in ways:
        assert len(way.fresh) == 3
        np.testing.assert_allclose(way.modes(3) @ way.modes(3).T, np.eye(3), atol=1e-4)


@settings(max_examples=25, deadline=None)
@given(n=st.integers(10, 40), size=st.integers(3, 6), seed=st.integers(0, 2**16))
def test_modes_paint_any_of_the_pictures_again(
    n: int, size: int, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rng = np.random.default_rng(seed)
    pictures = rng.integers(0, 256, (n, size, size, 3), dtype=np.uint8)
    with picture_store(size, tmp_path_factory.getbasetemp()) as store:
        way = principal(filled(store, pictures))
        modes = way.modes(len(way.fresh)).astype(np.float64)
    values = pictures.reshape(n, -1) / 127.5 - 1.0 - way.mean

    np.testing.assert_allclose(values @ modes.T @ modes, values, atol=1e-3)


def test_random_images_vary_as_much_as_fresh_pictures_would(fit: Fit) -> None:
    generator = FittedGaussianGenerator(fit.ensemble)
    codes = generator.initial_codes(4000, np.random.default_rng(0))
    pixels = generator.pixels(codes).reshape(4000, -1)

    sampled = np.cov(pixels @ fit.ensemble.modes.T, rowvar=False)

    lam = fit.ensemble.variances.astype(np.float64)
    expected = lam / (1 + lam / 6400)
    # Six standard errors of variances and covariances estimated from 4000 draws.
    tolerance = 6 * np.sqrt((np.outer(expected, expected) + np.diag(expected**2)) / 4000)
    assert (np.abs(sampled - np.diag(expected)) < tolerance).all()
    _, variances, _ = dense(some_pictures(60))
    values = some_pictures(60).reshape(60, -1) / 127.5 - 1.0
    np.testing.assert_allclose(lam, fresh_by_gram(values @ values.T)[:12], rtol=1e-3)
    assert lam.sum() < variances[:12].sum()


def test_gains_are_those_of_the_end_of_the_sampling_equation(fit: Fit) -> None:
    variances = np.geomspace(30_000.0, 3.0, 12).astype(np.float32)
    generator = FittedGaussianGenerator(replace(fit.ensemble, variances=variances))
    unit = np.eye(12, dtype=np.float32) * np.float32(NORM_HINT / np.sqrt(12))

    change = generator.pixels(unit).reshape(12, -1) - generator.pixels(0 * unit).reshape(12, -1)

    expected = np.sqrt(variances / (1.0 + variances / 6400.0))
    np.testing.assert_allclose(np.linalg.norm(change, axis=1), expected, rtol=1e-4)


def test_the_mean_picture_has_the_code_zero(fit: Fit) -> None:
    mean, _, _ = dense(some_pictures(60))
    zero = np.zeros((1, 12), np.float32)

    image = FittedGaussianGenerator(fit.ensemble).render(zero)[0]

    np.testing.assert_allclose(image.ravel(), (mean + 1.0) * 127.5, atol=0.51)


def test_a_denoiser_is_made_of_the_head_start(fit: Fit) -> None:
    mean, modes, variances = head_start_of(fit.ensemble)
    pictures = some_pictures(60).transpose(0, 3, 1, 2) / 127.5 - 1.0
    textbook_mean, _, textbook_modes = dense(some_pictures(60))

    assert mean.shape == (3, SIZE, SIZE)
    np.testing.assert_allclose(mean, pictures.mean(axis=0), atol=1e-6)
    assert modes.shape == (12, 3, SIZE, SIZE)
    x = pictures[:2] + 2.0 * np.random.default_rng(0).standard_normal((2, 3, SIZE, SIZE))
    gains = variances / (variances + 4.0)
    coefficients = np.einsum("kchw,nchw->nk", modes, x - mean)
    denoised = mean + np.einsum("nk,kchw->nchw", coefficients * gains, modes)

    flat = x.transpose(0, 2, 3, 1).reshape(2, -1) - textbook_mean
    projected = (flat @ textbook_modes[:12].T * gains) @ textbook_modes[:12] + textbook_mean
    np.testing.assert_allclose(denoised.transpose(0, 2, 3, 1).reshape(2, -1), projected, atol=1e-2)


def test_a_fit_without_a_number_keeps_what_the_pictures_are_enough_for(
    folder: Path, tmp_path: Path
) -> None:
    fit = fit_folder(folder, SIZE, None, tmp_path)
    one_more = fit_folder(folder, SIZE, fit.ensemble.n_modes + 1, tmp_path)

    assert fit.ensemble.n_modes == fit.trust.enough_modes >= 1
    assert fit.trust.noise_ratio <= 2.0 < one_more.trust.noise_ratio
    assert fit.trust.enough
    assert not one_more.trust.enough
    assert one_more.trust.enough_modes == fit.ensemble.n_modes
    assert fit.trust.enough_pictures is not None
    assert fit.trust.enough_pictures <= 60
    needed = one_more.trust.enough_pictures
    assert needed is None or needed >= 59


def test_the_same_pictures_give_the_same_numbers(folder: Path, tmp_path: Path, fit: Fit) -> None:
    assert fit_folder(folder, SIZE, 12, tmp_path).ensemble.sha256() == fit.ensemble.sha256()


def test_a_file_gives_the_same_generator(fit: Fit, tmp_path: Path) -> None:
    fit.ensemble.save(tmp_path / "fit.npz")

    again = FittedGaussianGenerator.from_file(tmp_path / "fit.npz")

    made = FittedGaussianGenerator(fit.ensemble)
    codes = made.initial_codes(3, np.random.default_rng(1))
    assert again.weights_sha256 == made.weights_sha256
    assert again.provenance == made.provenance
    np.testing.assert_array_equal(again.render(codes), made.render(codes))
    assert [path.name for path in tmp_path.iterdir()] == ["fit.npz"]


def test_a_file_that_is_there_is_replaced_whole_or_left(
    fit: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "fit.npz"
    path.write_text("an older one")
    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fit.ensemble.save(path)

    assert path.read_text() == "an older one"
    assert list(tmp_path.iterdir()) == [path]
    fit.ensemble.save(path)
    assert load_ensemble(path).sha256() == fit.ensemble.sha256()


def interrupted(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_a_fit_that_is_interrupted_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    def stop(doing: str, *_: int) -> None:
        if doing == "comparing pictures":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_folder(folder, SIZE, 12, tmp_path, stop)
    assert list(tmp_path.iterdir()) == []


def test_every_step_tells_how_far_it_is(folder: Path, tmp_path: Path) -> None:
    told: dict[str, list[tuple[int, int]]] = {}
    fit_folder(
        folder, SIZE, 3, tmp_path, lambda *step: told.setdefault(step[0], []).append(step[1:])
    )

    assert list(told) == [
        "reading pictures",
        "comparing pictures",
        "testing modes on other pictures",
        "drawing modes",
    ]
    assert told["reading pictures"] == [(done, 60) for done in range(1, 61)]
    assert all(done == total for steps in told.values() for done, total in steps[-1:])


def test_files_that_cannot_be_read_are_named_and_left_out(tmp_path: Path) -> None:
    folder = save_all(tmp_path / "pictures", some_pictures(20))
    inside = folder / "more"
    inside.mkdir()
    whole = (folder / "0003.png").read_bytes()
    (inside / "cut.png").write_bytes(whole[: len(whole) // 2])
    (inside / "text.jpg").write_text("no picture")
    (folder / "notes.txt").write_text("not looked at")

    fit = fit_folder(folder, SIZE, 3, tmp_path)

    assert fit.ensemble.n_pictures == 20
    assert [Path(sentence.split(" cannot")[0]).name for sentence in fit.unreadable] == [
        "cut.png",
        "text.jpg",
    ]
    assert "20 pictures of the folder 'pictures' at 10 pixels" in fit.ensemble.provenance


def test_a_folder_of_mostly_something_else_is_refused(tmp_path: Path) -> None:
    folder = save_all(tmp_path / "pictures", some_pictures(8))
    (folder / "a.png").write_text("no picture")

    with pytest.raises(PictureError, match=r"1 of 9 files in .* the first because .*a\.png"):
        fit_folder(folder, SIZE, 3, tmp_path)


def test_copies_of_a_picture_count_once(tmp_path: Path, fit: Fit) -> None:
    twice = save_all(tmp_path / "pictures", some_pictures(60))
    save_all(twice / "again", some_pictures(60)[:25])

    again = fit_folder(twice, SIZE, 12, tmp_path)

    assert (again.n_copies, again.ensemble.n_pictures) == (25, 60)
    np.testing.assert_array_equal(again.ensemble.modes, fit.ensemble.modes)


def test_a_full_disk_is_named(folder: Path) -> None:
    with (
        open("/dev/full", "wb", buffering=0) as full,
        pytest.raises(PictureError, match="No space left on device"),
    ):
        fill_from_folder(PictureStore(full, SIZE), folder)


@pytest.mark.parametrize(
    ("n", "n_modes", "error", "message"),
    [
        (9, 1, PictureError, "9 different pictures, but nothing can be told of fewer than 10"),
        (12, 12, SettingsError, "12 modes were asked for, but 12 pictures vary in 11"),
        (12, 0, SettingsError, "0 modes were asked for"),
    ],
)
def test_what_cannot_be_fitted_is_refused(
    n: int, n_modes: int, error: type[Exception], message: str, tmp_path: Path
) -> None:
    folder = save_all(tmp_path / "pictures", some_pictures(n))

    with pytest.raises(error, match=message):
        fit_folder(folder, SIZE, n_modes, tmp_path)


def test_a_size_that_no_screen_needs_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="choose 8 to 1024"):
        fit_folder(folder, 4000, 3, tmp_path)


def test_modes_that_no_memory_holds_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match="400 modes of 1024 pixels are more than 4 GB: keep 341"
    ):
        fit_folder(folder, 1024, 400, tmp_path)


def test_more_modes_than_a_file_holds_are_refused(fit: Fit) -> None:
    with pytest.raises(SettingsError, match="code_dim is 13, but this fit holds 12 modes"):
        FittedGaussianGenerator(fit.ensemble, 13)


def changed(ensemble: FittedEnsemble, fault: str) -> FittedEnsemble:
    """Return an ensemble with one thing wrong."""
    spoiled = ensemble.modes.copy()
    spoiled[3, 5] = np.nan
    longer = ensemble.modes.copy()
    longer[2] *= 1.5
    return {
        "nan": lambda: replace(ensemble, modes=spoiled),
        "shape": lambda: replace(ensemble, modes=ensemble.modes[:, :-1]),
        "size": lambda: replace(ensemble, image_size_px=SIZE + 1),
        "rising": lambda: replace(ensemble, variances=ensemble.variances[::-1]),
        "negative": lambda: replace(ensemble, variances=-ensemble.variances[::-1]),
        "length": lambda: replace(ensemble, modes=longer),
        "silent": lambda: replace(ensemble, provenance=""),
    }[fault]()


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("nan", "a mean or a mode is not finite"),
        ("shape", "modes of shape"),
        ("size", "a mean of shape"),
        ("rising", "the variances are not finite and falling"),
        ("negative", "the variances are not finite and falling"),
        ("length", "the modes are not orthonormal"),
        ("silent", "does not say which pictures"),
    ],
)
def test_a_file_of_impossible_numbers_is_refused(
    fault: str, message: str, fit: Fit, tmp_path: Path
) -> None:
    path = tmp_path / "fit.npz"
    changed(fit.ensemble, fault).save(path)

    with pytest.raises(WeightsError, match=rf"fit\.npz holds an impossible Gaussian.*{message}"):
        load_ensemble(path)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_damaged_file_is_refused_or_says_the_same(
    data: st.DataObject, fit: Fit, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("damaged") / "fit.npz"
    fit.ensemble.save(path)
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans(), "cut"):
        content = content[: data.draw(st.integers(0, len(content) - 1), "length")]
    else:
        place = data.draw(st.integers(0, len(content) - 1), "place")
        content[place] ^= data.draw(st.integers(1, 255), "bits")
    path.write_bytes(content)

    try:
        again = load_ensemble(path)
    except WeightsError:
        return
    assert again.sha256() == fit.ensemble.sha256()


def test_only_so_many_pictures_are_solved_exactly() -> None:
    # What the documentation says of memory and time stands on it.
    from generators.fitted_gaussian.principal import MOST_EXACT

    assert MOST_EXACT == 4096
    assert fitting.LARGEST_PX == 1024
