"""The training of the embedded network, in small: it learns, and goes on where it ended."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from generators.embedded.network import DecoderShape
from generators.embedded.training import people, things
from generators.embedded.training.loop import Recipe, Stage, Training
from generators.embedded.training.losses import difference, divergence, pyramid
from generators.embedded.training.pictures import MIXTURE, Scene, paint, painted
from generators.embedded.training.sheets import save_sheet, sheet

TINY = Recipe(
    n_pictures=48,
    seed=1,
    shape=DecoderShape(code_dim=24, widths=(16, 12, 8, 8), last_width=4),
    adversary_widths=(8, 12, 16),
    batch=8,
    stages=(Stage(4, 6e-4, 40.0), Stage(4, 3e-4, 40.0, 1.0, 0.2, 0.5)),
)


@pytest.fixture(scope="module")
def pictures() -> NDArray[np.uint8]:
    return paint(0, TINY.n_pictures, TINY.shape.image_size_px, TINY.seed)


def test_a_short_training_lowers_its_loss_and_goes_on_with_an_adversary(
    pictures: NDArray[np.uint8],
) -> None:
    training = Training(replace(TINY, stages=(Stage(24, 6e-4, 40.0), TINY.stages[1])), pictures)

    told = [training.advance() for _ in range(27)]

    def mean(part: slice) -> float:
        return float(np.mean([each["difference"] for each in told[part]]))

    assert mean(slice(16, 24)) < 0.97 * mean(slice(0, 8))
    assert all(np.isfinite(list(each.values())).all() for each in told)
    assert "adversary" not in told[23]
    assert {"adversary", "features"} <= set(told[24])


def test_it_goes_on_from_a_checkpoint_as_if_it_had_never_stopped(
    pictures: NDArray[np.uint8], tmp_path: Path
) -> None:
    whole, first, second = (Training(TINY, pictures) for _ in range(3))
    for _ in range(6):
        whole.advance()
        if first.step < 3:
            first.advance()
    first.save(tmp_path / "checkpoint.pt")
    second.load(tmp_path / "checkpoint.pt")
    while second.step < 6:
        second.advance()

    for name, parameter in whole.mean_decoder.state_dict().items():
        assert torch.equal(parameter, second.mean_decoder.state_dict()[name])
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_codes_are_principal_components_in_units_of_their_usual_size(
    pictures: NDArray[np.uint8],
) -> None:
    training = Training(TINY, pictures)
    both = np.concatenate([pictures, pictures[:, :, ::-1]])
    with torch.no_grad():
        seen = torch.from_numpy(both).permute(0, 3, 1, 2).float() / 127.5 - 1.0
        small = torch.nn.functional.adaptive_avg_pool2d(seen, 16).flatten(1)
        codes = training.encoder.sketched(small)
        sketched = training.decoder.sketch(codes)

    np.testing.assert_allclose(np.median(np.abs(codes.numpy()), axis=0) * 1.4826, 1.0, atol=1e-3)
    beside = np.corrcoef(codes.numpy(), rowvar=False) - np.eye(24)
    assert np.abs(beside).max() < 1e-3
    assert (sketched - small).var() < 0.2 * small.var()


def test_pictures_are_painted_once_and_do_not_depend_on_the_processes(tmp_path: Path) -> None:
    told: list[str] = []
    path = tmp_path / "new" / "pictures.npy"

    first = painted(path, 70, 16, 3, 2, told.append)
    again = painted(path, 70, 16, 3, 1, lambda _: pytest.fail("they are painted already"))

    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first[60:], paint(60, 10, 16, 3))
    assert told == ["painted 64 of 70 pictures"]
    with pytest.raises(ValueError, match="another recipe"):
        painted(path, 71, 16, 3, 1, told.append)


def test_the_shares_of_the_mixture_add_up() -> None:
    assert sum(share for _, share in MIXTURE) == pytest.approx(1.0)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(
    "figure",
    [things.animal, people.eye, things.fruit, people.hand, people.portrait, things.solids],
)
def test_every_figure_is_a_finite_picture_with_contrast(figure: Scene, seed: int) -> None:
    picture = figure(48, np.random.default_rng(seed))

    assert picture.shape == (48, 48, 3)
    assert picture.dtype == np.float32
    assert float(picture.min()) >= 0.0
    assert float(picture.max()) <= 1.0
    assert float(picture.std(axis=(0, 1)).max()) > 0.02


def test_the_bands_of_a_pyramid_add_up_to_the_picture() -> None:
    picture = torch.rand((2, 3, 64, 64), generator=torch.Generator().manual_seed(0))

    *bands, total = pyramid(picture)
    for band in reversed(bands):
        total = torch.nn.functional.interpolate(total, scale_factor=2.0) + band

    torch.testing.assert_close(total, picture)
    assert float(difference(picture, picture)) == 0.0


def test_codes_that_are_the_prior_tell_nothing() -> None:
    mean, log_variance = torch.zeros(4, 8), torch.zeros(4, 8)

    assert float(divergence(mean, log_variance)) == 0.0
    # A mean of 1 in each of 8 elements costs half a nat each.
    assert float(divergence(mean + 1.0, log_variance)) == pytest.approx(4.0)


def test_a_sheet_shows_all_pictures(pictures: NDArray[np.uint8], tmp_path: Path) -> None:
    laid = np.asarray(sheet(pictures[:12], columns=5))
    save_sheet(Training(TINY, pictures), pictures, tmp_path / "sheet.png")

    size = TINY.shape.image_size_px
    assert laid.shape == (3 * size + 4, 5 * size + 8, 3)
    np.testing.assert_array_equal(laid[size + 2 : 2 * size + 2, :size], pictures[5])
    assert (tmp_path / "sheet.png").stat().st_size > 1000
