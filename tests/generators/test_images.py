"""Float to uint8, and reading of users' picture files."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from generators.errors import GeneratorError, PictureError, SettingsError
from generators.images import load_folder, load_image, to_uint8


@settings(max_examples=100, deadline=None)
@given(st.floats(allow_nan=False, width=32))
def test_a_pixel_becomes_the_nearest_level(pixel: float) -> None:
    level = int(to_uint8(np.array([pixel], dtype=np.float32))[0])

    assert abs(level - 255 * min(max(pixel, 0.0), 1.0)) <= 0.5001


def test_every_level_survives_the_way_to_float_and_back() -> None:
    levels = np.arange(256, dtype=np.uint8)

    np.testing.assert_array_equal(to_uint8(levels.astype(np.float32) / np.float32(255)), levels)


def test_half_levels_are_rounded_to_even() -> None:
    halves = np.array([0.5, 1.5, 2.5], dtype=np.float64) / 255

    np.testing.assert_array_equal(to_uint8(halves.astype(np.float64)), [0, 2, 2])


def test_pixels_are_not_changed_by_the_conversion() -> None:
    pixels = np.array([-1.0, 0.3, 2.0], dtype=np.float32)
    to_uint8(pixels)

    np.testing.assert_array_equal(pixels, np.array([-1.0, 0.3, 2.0], dtype=np.float32))


def test_a_pixel_that_is_not_a_number_is_refused() -> None:
    with pytest.raises(GeneratorError, match="not a number"):
        to_uint8(np.array([0.0, np.nan], dtype=np.float32))


def save_picture(path: Path, picture: np.ndarray) -> Path:
    Image.fromarray(picture).save(path)
    return path


def test_a_square_picture_of_the_right_size_is_read_unchanged(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (16, 16, 3)).astype(np.uint8)

    np.testing.assert_array_equal(
        load_image(save_picture(tmp_path / "a.png", picture), 16), picture
    )


def test_the_centred_square_of_a_wide_picture_is_taken(tmp_path: Path) -> None:
    wide = np.zeros((10, 30, 3), dtype=np.uint8)
    wide[:, 10:20] = 200

    np.testing.assert_array_equal(load_image(save_picture(tmp_path / "a.png", wide), 10), 200)


def test_transparency_is_laid_over_mid_grey(tmp_path: Path) -> None:
    clear = np.zeros((8, 8, 4), dtype=np.uint8)

    np.testing.assert_array_equal(load_image(save_picture(tmp_path / "a.png", clear), 8), 128)


def test_a_grey_picture_becomes_three_equal_channels(tmp_path: Path) -> None:
    grey = np.arange(64, dtype=np.uint8).reshape(8, 8)

    image = load_image(save_picture(tmp_path / "a.png", grey), 8)

    np.testing.assert_array_equal(image, grey[..., None].repeat(3, axis=2))


def test_the_orientation_tag_of_a_camera_is_obeyed(tmp_path: Path) -> None:
    picture = np.zeros((8, 8, 3), dtype=np.uint8)
    picture[0] = 255
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.fromarray(picture).save(tmp_path / "a.png", exif=exif)

    np.testing.assert_array_equal(load_image(tmp_path / "a.png", 8), picture[::-1, ::-1])


def test_a_missing_picture_is_named(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"no picture file .*nowhere\.png"):
        load_image(tmp_path / "nowhere.png", 8)


def test_a_file_that_is_no_picture_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.png"
    path.write_text("not a picture")
    with pytest.raises(PictureError, match=r"notes\.png cannot be read"):
        load_image(path, 8)


def test_a_torn_picture_is_refused(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    path = save_picture(tmp_path / "torn.png", noise)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(PictureError, match=r"torn\.png cannot be read"):
        load_image(path, 8)


def test_a_picture_of_no_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="0 pixels"):
        load_image(tmp_path / "a.png", 0)


def make_folder(folder: Path) -> Path:
    for level, name in ((30, "c.png"), (10, "a.png"), (20, "b.JPG")):
        save_picture(folder / name, np.full((8, 8, 3), level, dtype=np.uint8))
    (folder / "notes.txt").write_text("not a picture")
    (folder / "d.png").mkdir()
    return folder


def test_a_folder_is_read_in_the_order_of_its_names(tmp_path: Path) -> None:
    pictures = load_folder(make_folder(tmp_path), 4)

    assert pictures.names == ("a.png", "b.JPG", "c.png")
    np.testing.assert_allclose(pictures.images.mean(axis=(1, 2, 3)), [10, 20, 30], atol=1)


def test_a_limit_takes_the_first_by_name(tmp_path: Path) -> None:
    pictures = load_folder(make_folder(tmp_path), 4, limit=2)

    assert pictures.names == ("a.png", "b.JPG")
    assert pictures.images.shape == (2, 4, 4, 3)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a picture")
    with pytest.raises(PictureError, match="holds no picture"):
        load_folder(tmp_path, 8)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"no folder .*nowhere"):
        load_folder(tmp_path / "nowhere", 8)


def test_a_limit_of_none_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="limit of 0"):
        load_folder(tmp_path, 8, limit=0)


def test_a_picture_that_another_program_would_have_to_open_is_refused_and_does_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Pillow goes by the content, whatever the name, and gives PostScript to Ghostscript.
    ghostscript, trap = tmp_path / "gs", tmp_path / "trap"
    ghostscript.write_text(f"#!/bin/sh\ntouch {trap}\n")
    ghostscript.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    (tmp_path / "a.png").write_bytes(
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n%%EOF\n"
    )

    with pytest.raises(PictureError, match="cannot be read as a picture"):
        load_image(tmp_path / "a.png", 16)

    assert not trap.exists()


def test_a_broken_chunk_of_a_png_is_a_damaged_picture(tmp_path: Path) -> None:
    path = save_picture(tmp_path / "a.png", np.zeros((8, 8, 3), np.uint8))
    content = path.read_bytes()
    # Pillow says that this is a mistake in syntax.
    path.write_bytes(content.replace(b"IDAT", b"\xf8x\xaa\xe9"))

    with pytest.raises(PictureError, match="cannot be read as a picture"):
        load_image(path, 8)


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"]),
    place=st.floats(0, 1, exclude_max=True),
    bits=st.integers(1, 255),
    length=st.floats(0, 1),
)
def test_a_damaged_picture_is_refused_or_read(
    kind: str, place: float, bits: int, length: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / f"damaged.{kind}"
    Image.fromarray(np.arange(240, dtype=np.uint8).reshape(8, 10, 3)).save(path, format=kind)
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= bits
    path.write_bytes(content[: round(length * len(content))] if length < 0.7 else content)

    with warnings.catch_warnings():
        # Of some kinds of damage Pillow warns before it gives up.
        warnings.simplefilter("ignore")
        try:
            assert load_image(path, 4).shape == (4, 4, 3)
        except PictureError:
            return
