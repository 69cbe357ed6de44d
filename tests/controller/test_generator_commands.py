"""`neuroloop generator`: listing, painting, recognising weights and fitting, in this process."""

import json
import os
import pickle
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from controller.cli import main
from controller.cli.config_commands import template
from controller.cli.exits import Exit
from controller.generator_tools.kinds import described_kinds
from controller.generator_tools.pictures import sheet
from controller.generator_tools.sources import settings_of
from controller.initial_codes import first_codes
from generators.deepsim.variants import VARIANTS
from generators.fitted_gaussian.ensemble import load_ensemble
from generators.fitted_gaussian.settings import FittedGaussianSettings
from generators.gaussian import GaussianGenerator
from generators.registry import kinds
from generators.stylegan2.checkpoints import draw_weights
from generators.stylegan2.variants import STYLE_DIM, Variant

Neuroloop = Callable[..., tuple[int, str, str]]


@pytest.fixture
def neuroloop(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Neuroloop:
    """Run a command of the group in this process; return its exit status and what it printed."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["neuroloop", "generator", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return call


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder of 80 pictures of soft colours, 12 pixels wide and higher than wide."""
    folder = tmp_path_factory.mktemp("photographs")
    rng = np.random.default_rng(0)
    waves = np.cos(np.pi * np.outer(np.arange(8), np.arange(12) + 0.5) / 12)
    gains = 60.0 / (1.0 + np.add.outer(np.arange(8), np.arange(8)))
    for index in range(80):
        drawn = rng.standard_normal((3, 8, 8)) * gains
        square = np.moveaxis(waves.T @ drawn @ waves, 0, 2) / 2 + 128
        tall = np.concatenate([square[:2], square, square[-2:]])
        Image.fromarray(tall.clip(0, 255).astype(np.uint8)).save(folder / f"{index:02d}.png")
    return folder


def test_every_kind_is_listed_with_what_it_needs(neuroloop: Neuroloop) -> None:
    status, out, err = neuroloop("list", "--json")

    assert (status, err) == (Exit.DONE, "")
    listed = {kind["kind"]: kind for kind in json.loads(out)["kinds"]}
    assert set(listed) == set(kinds())
    assert listed["gaussian"]["needs"] == {}
    assert (listed["gaussian"]["code_dim"], listed["gaussian"]["image_size_px"]) == (4096, 128)
    assert set(listed["deepsim_fc8"]["needs"]) == {"weights"}
    assert (listed["deepsim_fc8"]["code_dim"], listed["deepsim_fc8"]["image_size_px"]) == (
        1000,
        256,
    )
    assert listed["gaussian_fitted"]["code_dim"] is None
    assert {kind["package"] for kind in listed.values()} == {"neuroloop"}


def test_the_table_has_a_sentence_for_each_kind(neuroloop: Neuroloop) -> None:
    status, out, _ = neuroloop("list")

    assert status == Exit.DONE
    for kind in described_kinds():
        assert kind.kind in out
        assert kind.about.endswith(".")


def test_a_generator_is_named_by_kind_and_keys() -> None:
    settings = settings_of("gaussian_fitted:weights=a folder/x.npz, code_dim=40")

    assert settings == FittedGaussianSettings(
        kind="gaussian_fitted", weights="a folder/x.npz", code_dim=40
    )


def test_a_generator_is_named_by_a_sessions_file(tmp_path: Path) -> None:
    path = tmp_path / "session.toml"
    second = '[generators.small]\nkind = "gaussian"\ncode_dim = 9\n\n[[threads]]'
    path.write_text(template())
    assert settings_of(str(path)).known_code_dim() == 4096
    path.write_text(template().replace("[[threads]]", second, 1))
    assert settings_of(f"{path}#small").known_code_dim() == 9


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("gausian", "there is no generator 'gausian'; there are gaussian, deepsim_fc6"),
        ("gaussian:code_dim", "'code_dim' must have the form KEY=VALUE"),
        (
            "gaussian:codedim=4",
            "gaussian.codedim is not a known key; did you mean gaussian.code_dim?",
        ),
        (
            "gaussian:code_dim=0",
            "gaussian.code_dim must be greater than or equal to 1, but it is 0",
        ),
        ("gaussian_fitted", "gaussian_fitted.weights is missing"),
        ("nowhere.toml", "there is no file nowhere.toml"),
        ("two.toml", "describes main, small; say which, for example two.toml#main"),
        ("two.toml#large", "has no table [generators.large]; it has main, small"),
    ],
)
def test_a_generator_that_cannot_be_is_refused_in_a_sentence(
    neuroloop: Neuroloop, tmp_path: Path, source: str, message: str
) -> None:
    second = '[generators.small]\nkind = "gaussian"\ncode_dim = 9\n\n[[threads]]'
    (tmp_path / "two.toml").write_text(template().replace("[[threads]]", second, 1))

    status, out, err = neuroloop("render", source, "--out", "pictures")

    assert (status, out) == (Exit.USAGE, "")
    assert message in err
    assert not (tmp_path / "pictures").exists()


def test_painted_pictures_are_those_of_their_codes(neuroloop: Neuroloop, tmp_path: Path) -> None:
    source = "gaussian:code_dim=32,image_size_px=80"
    status, out, _ = neuroloop("render", source, "--n", "5", "--seed", "3", "--out", "pictures")

    folder = tmp_path / "pictures"
    assert status == Exit.DONE
    assert "Painted 5 pictures into pictures" in out
    generator = GaussianGenerator(32, 80)
    drawn = generator.initial_codes(5, np.random.default_rng(3))
    codes = first_codes([str(folder / "codes.npy")], 5, generator, np.random.default_rng(0))
    np.testing.assert_array_equal(codes, drawn)
    names = sorted(path.name for path in folder.iterdir())
    assert names == [*(f"000{index}.png" for index in range(5)), "codes.npy", "sheet.png"]
    for index, image in enumerate(generator.render(drawn)):
        np.testing.assert_array_equal(np.asarray(Image.open(folder / f"000{index}.png")), image)


def test_codes_of_a_file_are_painted(neuroloop: Neuroloop, tmp_path: Path) -> None:
    source = "gaussian:code_dim=32,image_size_px=80"
    neuroloop("render", source, "--n", "4", "--out", "first")

    status, _, _ = neuroloop("render", source, "--codes", "first/codes.npy", "--out", "again")

    assert status == Exit.DONE
    for path in (tmp_path / "first").iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--codes", "nowhere.npy"), "nowhere.npy is not a readable .npy or .npz file"),
        (("--codes", "short.npy"), "codes of shape (m, 32) are needed"),
        (("--out", "full"), "full is there and not an empty folder"),
        (("--out", "no/where"), "there is no folder"),
    ],
)
def test_pictures_that_cannot_be_painted_leave_nothing(
    neuroloop: Neuroloop, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    np.save(tmp_path / "short.npy", np.zeros((2, 5), np.float32))
    source = "gaussian:code_dim=32,image_size_px=80"

    status, out, err = neuroloop("render", source, "--out", "pictures", *arguments)

    assert (status, out) == (Exit.USAGE, "")
    assert message in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full", "short.npy"]
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine.txt"]


def test_a_sheet_shows_every_image_in_its_own_pixels() -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), dtype=np.uint8)

    shown = np.asarray(sheet(images, ["a", "b", "c", "d", "e"]))

    # Tiles of 160 pixels, so every pixel is a square of 10; three tiles in a row.
    for index in range(5):
        row, column = divmod(index, 3)
        top, left = 6 + row * 180, 6 + column * 166
        np.testing.assert_array_equal(
            shown[top : top + 160 : 10, left : left + 160 : 10], images[index]
        )


def test_a_folder_of_pictures_becomes_a_generator(
    neuroloop: Neuroloop, photographs: Path, tmp_path: Path
) -> None:
    fitting = ("fit", str(photographs), "--out", "mine.npz", "--size", "12", "--modes", "10")
    status, out, err = neuroloop(*fitting)

    assert (status, err) == (Exit.DONE, "")
    assert "80 pictures; 10 modes." in out
    assert "80 pictures are enough for" in out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.npz", "mine.png"]
    drawn = np.asarray(Image.open("mine.png").convert("L"))
    assert drawn.std() > 10
    # What it says to write into a session is a table of one.
    table = tomllib.loads(out[out.index("[generators.mine]") :])["generators"]["mine"]
    generator = kinds()[table["kind"]].model_validate(table).build()
    assert (generator.code_dim, generator.image_shape) == (10, (12, 12, 3))


def test_a_fit_tells_a_program_the_same(
    neuroloop: Neuroloop, photographs: Path, tmp_path: Path
) -> None:
    (tmp_path / "p").mkdir()
    for path in photographs.iterdir():
        (tmp_path / "p" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "p" / "a.jpg").write_text("no picture")
    (tmp_path / "p" / "b.png").write_bytes((photographs / "00.png").read_bytes())

    status, out, _ = neuroloop("fit", "p", "--out", "mine.npz", "--size", "12", "--json")

    told = json.loads(out)
    assert status == Exit.DONE
    assert told["n_pictures"] == 80
    assert told["n_copies"] == 1
    assert len(told["unreadable"]) == 1
    assert "a.jpg" in told["unreadable"][0]
    assert told["n_modes"] == told["enough_modes"] == load_ensemble(tmp_path / "mine.npz").n_modes
    assert told["noise_ratio"] <= 2.0
    assert told["enough"]


def test_too_few_pictures_for_the_modes_are_said(neuroloop: Neuroloop, photographs: Path) -> None:
    status, out, err = neuroloop(
        "fit", str(photographs), "--out", "mine.npz", "--size", "12", "--modes", "75"
    )

    assert status == Exit.DONE
    assert "these are too few pictures for 75 modes" in err
    assert "75 modes." in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--out", "mine.pt"), "end its name with .npz"),
        (("--out", "no/where.npz"), "there is no folder no"),
        (("--out", "taken.npz"), "taken.npz exists; choose another name"),
        (("--modes", "80"), "80 modes were asked for, but 80 pictures vary in 79"),
    ],
)
def test_a_fit_that_cannot_be_is_refused_and_leaves_nothing(
    neuroloop: Neuroloop,
    photographs: Path,
    tmp_path: Path,
    arguments: tuple[str, ...],
    message: str,
) -> None:
    (tmp_path / "taken.npz").write_text("mine")

    status, out, err = neuroloop(
        "fit", str(photographs), "--size", "12", "--out", "mine.npz", *arguments
    )

    assert (status, out) == (Exit.USAGE, "")
    assert message in err
    assert [path.name for path in tmp_path.iterdir()] == ["taken.npz"]


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    "at",
    [
        "controller.cli.progress_lines.ProgressLines.__call__",
        "controller.generator_tools.fit_figure._draw_images",
        "generators.fitted_gaussian.ensemble.FittedEnsemble.save",
    ],
)
def test_ctrl_c_ends_a_fit_and_leaves_nothing(
    neuroloop: Neuroloop,
    photographs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    at: str,
) -> None:
    monkeypatch.setattr(at, interrupted)

    status, out, err = neuroloop("fit", str(photographs), "--out", "mine.npz", "--size", "12")

    assert (status, out) == (Exit.ABORTED, "")
    assert "interrupted; nothing was written" in err
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_ends_painting_and_leaves_nothing(
    neuroloop: Neuroloop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.generator_tools.pictures.sheet", interrupted)

    status, out, err = neuroloop("render", "gaussian:code_dim=32", "--n", "2", "--out", "pictures")

    assert (status, out) == (Exit.ABORTED, "")
    assert "interrupted; nothing was written" in err
    assert list(tmp_path.iterdir()) == []


def save_weights(name: str, path: Path, **others: torch.Tensor) -> Path:
    """Write weights of the right shapes that take little room: each layer is one number."""
    shapes = VARIANTS[name].shapes
    tensors = {key: torch.full((1,), 0.01).expand(shape) for key, shape in shapes.items()}
    torch.save(tensors | others, path)
    return path


def test_a_weights_file_is_recognised_checked_and_copied(
    neuroloop: Neuroloop, tmp_path: Path
) -> None:
    path = save_weights("pool5", tmp_path / "lab.pt")

    status, out, err = neuroloop("import", "lab.pt", "--copy-to", "weights")

    assert (status, err) == (Exit.DONE, "")
    assert "lab.pt is for deepsim_pool5: 12,702,307 numbers, all there and finite." in out
    assert "code 9216, images 256 × 256 pixels, norm 1260" in out
    assert (tmp_path / "weights" / "lab.pt").read_bytes() == path.read_bytes()
    table = tomllib.loads(out[out.index("[generators.mine]") :])["generators"]["mine"]
    assert table == {"kind": "deepsim_pool5", "weights": "weights/lab.pt"}
    again, _, said = neuroloop("import", "lab.pt", "--copy-to", "weights")
    assert again == Exit.USAGE
    assert "is there already" in said


def test_what_a_file_decides_is_told_and_what_you_choose_is_asked(
    neuroloop: Neuroloop, tmp_path: Path
) -> None:
    # As thin as can be, for the whole network would take minutes.
    thin = Variant(STYLE_DIM, 1, (2, 2, 2, 2, 2, 2))
    torch.save(dict(draw_weights(thin, 0).tensors), tmp_path / "faces.pt")

    status, out, err = neuroloop("import", "faces.pt")

    assert (status, err) == (Exit.DONE, "")
    table = tomllib.loads(out[out.index("[generators.mine]") :])["generators"]["mine"]
    assert table == {"kind": "stylegan2", "weights": "faces.pt", "image_size_px": 128}
    assert "# space = …  choose it: what codes are" in out
    assert "# truncation = …  choose it: " in out


def test_a_fitted_generator_is_recognised(
    neuroloop: Neuroloop, photographs: Path, tmp_path: Path
) -> None:
    neuroloop("fit", str(photographs), "--out", "mine.npz", "--size", "12", "--modes", "6")

    status, out, _ = neuroloop("import", "mine.npz", "--json")

    (told,) = json.loads(out)["generators"]
    assert status == Exit.DONE
    assert told["kind"] == "gaussian_fitted"
    assert told["code_dim"] == 6
    assert told["sha256"] == load_ensemble(tmp_path / "mine.npz").sha256()


class Payload:
    """Runs a command when it is unpickled, which nothing here does."""

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("touch harmed",)


def write_bad(fault: str, path: Path) -> None:
    """Write a weights file with something wrong."""
    match fault:
        case "malicious":
            torch.save({"defc7.weight": Payload()}, path)
        case "bare_pickle":
            path.write_bytes(pickle.dumps({"defc7.weight": Payload()}))
        case "truncated":
            whole = save_weights("pool5", path).read_bytes()
            path.write_bytes(whole[: len(whole) // 2])
        case "not_finite":
            bias = VARIANTS["pool5"].shapes["deconv0.bias"]
            save_weights("pool5", path, **{"deconv0.bias": torch.full(bias, torch.nan)})
        case "misshapen":
            save_weights("pool5", path, **{"deconv0.bias": torch.zeros(7)})
        case "other":
            torch.save({"layer1.weight": torch.zeros(3, 3)}, path)
        case "text":
            path.write_text("no weights")
        case "folder":
            path.mkdir()
        case "arrays":
            with path.open("wb") as file:
                np.savez(file, mean=np.zeros(3))


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("malicious", "is not a plain file of tensors, and nothing else in it was run"),
        ("truncated", "is cut short, damaged or no file of torch's"),
        ("not_finite", "deconv0.bias holds values that are not finite numbers"),
        ("misshapen", "deconv0.bias has shape (7,), not (3,)"),
        ("other", "its parameters have the names of no generator that is known here (gaussian,"),
        ("bare_pickle", "is cut short, damaged or no file of torch's"),
        ("text", "is not a plain file of tensors"),
        ("arrays", "is cut short, damaged or no file of torch's"),
        ("folder", "has no diffusion_pytorch_model.safetensors: save the network there"),
        ("missing", "there is no weights file bad.pt; check the path"),
    ],
)
def test_a_bad_weights_file_gives_one_sentence_and_runs_nothing(
    neuroloop: Neuroloop, tmp_path: Path, fault: str, message: str
) -> None:
    write_bad(fault, tmp_path / "bad.pt")

    status, out, err = neuroloop("import", "bad.pt", "--copy-to", "weights")

    assert (status, out) == (Exit.USAGE, "")
    assert message in err
    assert err.count("neuroloop:") == 1
    assert not (tmp_path / "harmed").exists()
    assert not (tmp_path / "weights").exists()
