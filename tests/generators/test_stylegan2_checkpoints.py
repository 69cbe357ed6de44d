"""Reading weights of StyleGAN2 in both layouts, what is refused, and the config's table."""

import hashlib
import struct
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import save_file
from torch import Tensor

from generators.errors import SettingsError, WeightsError
from generators.stylegan2 import settings
from generators.stylegan2.checkpoints import draw_weights, read_weights
from generators.stylegan2.settings import StyleGanSettings
from generators.stylegan2.variants import Variant, published

StateDict = dict[str, Tensor]
TINY = Variant(style_dim=8, n_mapping=2, widths=(7, 6, 5, 4, 3, 2))
FILTER = torch.tensor([1.0, 3.0, 3.0, 1.0])


@pytest.fixture
def tensors() -> StateDict:
    return dict(draw_weights(TINY, 0).tensors)


@pytest.fixture
def mean() -> Tensor:
    return torch.arange(8.0)


def with_filters(tensors: StateDict) -> StateDict:
    """Add what rosinality's networks keep beside their parameters."""
    kernel = torch.outer(FILTER, FILTER) / 16
    blurs = {f"convs.{2 * i}.conv.blur.kernel": kernel for i in range(5)}
    return tensors | blurs | {f"to_rgbs.{i}.upsample.kernel": kernel for i in range(5)}


def in_ada(tensors: StateDict, mean: Tensor) -> StateDict:
    """Write the tensors as stylegan2-ada-pytorch has them, block by block."""
    there: StateDict = {"mapping.w_avg": mean}
    for i in range(2):
        there[f"mapping.fc{i}.weight"] = tensors[f"style.{i + 1}.weight"]
        there[f"mapping.fc{i}.bias"] = tensors[f"style.{i + 1}.bias"]
    there["synthesis.b4.const"] = tensors["input.input"][0]
    kernel = torch.outer(FILTER, FILTER) / 64
    blocks = {"b4": [("conv1", "conv1", 0)]}
    blocks |= {
        f"b{8 * 2**i}": [
            ("conv0", f"convs.{2 * i}", 2 * i + 1),
            ("conv1", f"convs.{2 * i + 1}", 2 * i + 2),
        ]
        for i in range(5)
    }
    for number, (block, layers) in enumerate(blocks.items()):
        place = f"synthesis.{block}"
        there[f"{place}.resample_filter"] = kernel
        for theirs, ours, noise in layers:
            layer = f"{place}.{theirs}"
            there[f"{layer}.resample_filter"] = kernel
            there[f"{layer}.weight"] = tensors[f"{ours}.conv.weight"][0]
            there[f"{layer}.affine.weight"] = tensors[f"{ours}.conv.modulation.weight"]
            there[f"{layer}.affine.bias"] = tensors[f"{ours}.conv.modulation.bias"]
            there[f"{layer}.bias"] = tensors[f"{ours}.activate.bias"]
            there[f"{layer}.noise_strength"] = tensors[f"{ours}.noise.weight"][0]
            there[f"{layer}.noise_const"] = tensors[f"noises.noise_{noise}"][0, 0]
        colours = "to_rgb1" if number == 0 else f"to_rgbs.{number - 1}"
        there[f"{place}.torgb.weight"] = tensors[f"{colours}.conv.weight"][0]
        there[f"{place}.torgb.affine.weight"] = tensors[f"{colours}.conv.modulation.weight"]
        there[f"{place}.torgb.affine.bias"] = tensors[f"{colours}.conv.modulation.bias"]
        there[f"{place}.torgb.bias"] = tensors[f"{colours}.bias"].flatten()
    return there


LAYOUTS = ["plain", "filters", "module", "training", "ada", "ada training", "safetensors"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_weights(
    tmp_path: Path, tensors: StateDict, mean: Tensor, layout: str
) -> None:
    path = tmp_path / "weights.pt"
    averaged, other = with_filters(tensors), {name: t + 1 for name, t in tensors.items()}
    written: dict[str, object] = {
        "plain": tensors | {"latent_avg": mean},
        "filters": averaged | {"latent_avg": mean[None]},
        "module": {f"module.{n}": t for n, t in averaged.items()},
        "training": {"g": other, "d": {}, "g_ema": averaged, "latent_avg": mean, "g_optim": {}},
        "ada": in_ada(tensors, mean),
        "ada training": {"G": other, "G_ema": in_ada(tensors, mean), "augment_pipe": None},
    }.get(layout, {})
    if layout == "safetensors":
        path = tmp_path / "weights.safetensors"
        save_file({n: t.clone() for n, t in in_ada(tensors, mean).items()}, path)
    else:
        torch.save(written, path)

    read = read_weights(path)

    assert read.variant == TINY
    assert list(read.tensors) == list(TINY.shapes)
    for name, tensor in tensors.items():
        assert torch.equal(read.tensors[name], tensor), name
    if layout == "module":
        assert read.mean_style is None
    else:
        assert read.mean_style is not None
        assert torch.equal(read.mean_style, mean)
    assert read.trained
    assert read.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("multiplier", [1, 2])
@pytest.mark.parametrize("size", [256, 512, 1024])
def test_a_file_of_published_shapes_is_recognised(
    tmp_path: Path, size: int, multiplier: int
) -> None:
    variant = published(size, multiplier)
    bare = {name: torch.ones(1).expand(shape) for name, shape in variant.shapes.items()}
    # What there is one of in many places is stored once, and takes no memory before it is used.
    torch.save(bare, tmp_path / "weights.pt")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Tensor, "contiguous", lambda tensor: tensor)
        assert read_weights(tmp_path / "weights.pt").variant == variant


def test_noise_that_a_file_lacks_is_drawn_once_and_for_all(
    tmp_path: Path, tensors: StateDict
) -> None:
    silent = {name: t for name, t in tensors.items() if not name.startswith("noises.")}
    torch.save(silent, tmp_path / "weights.pt")

    first, again = (read_weights(tmp_path / "weights.pt") for _ in range(2))

    assert "noise maps are drawn from a fixed seed" in first.provenance
    for name in TINY.shapes:
        assert torch.equal(first.tensors[name], again.tensors[name]), name
    assert 0.5 < float(first.tensors["noises.noise_0"].std()) < 1.5


def refusal(path: Path) -> str:
    with pytest.raises(WeightsError) as caught:
        read_weights(path)
    sentence = str(caught.value)
    assert str(path) in sentence
    assert "\n" not in sentence
    return sentence


def test_all_faults_are_named_at_once_and_as_the_file_has_them(
    tmp_path: Path, tensors: StateDict, mean: Tensor
) -> None:
    broken = in_ada(tensors, mean)
    del broken["synthesis.b16.conv1.affine.bias"], broken["synthesis.b8.conv0.noise_const"]
    broken["synthesis.b16.skip.weight"] = torch.zeros(1)
    broken["mapping.fc1.weight"] = torch.zeros(8, 7)
    broken["synthesis.b32.torgb.bias"] = torch.full((3,), float("nan"))
    broken["mapping.w_avg"] = torch.zeros(9)
    torch.save(broken, tmp_path / "broken.pt")

    sentence = refusal(tmp_path / "broken.pt")

    assert "missing convs.3.conv.modulation.bias" in sentence
    assert "missing noises.noise_1" in sentence
    assert "unexpected synthesis.b16.skip.weight" in sentence
    assert "mapping.fc1.weight has shape (8, 7), not (8, 8)" in sentence
    assert "synthesis.b32.torgb.bias holds values that are not finite" in sentence
    assert "mapping.w_avg has shape (9,)" in sentence


@pytest.mark.parametrize(
    "foreign",
    [{"generator.gen_z.bias": torch.zeros(3)}, {"input.input": torch.zeros(3)}, {}],
    ids=["biggan", "misshapen", "empty"],
)
def test_another_network_is_refused(tmp_path: Path, foreign: StateDict) -> None:
    torch.save(foreign, tmp_path / "other.pt")

    sentence = refusal(tmp_path / "other.pt")

    assert "holds no generator of StyleGAN2, since input.input, style.1.weight" in sentence


def test_a_network_with_classes_is_refused(
    tmp_path: Path, tensors: StateDict, mean: Tensor
) -> None:
    classes = {"mapping.embed.weight": torch.zeros(8, 10)}
    torch.save(in_ada(tensors, mean) | classes, tmp_path / "classes.pt")

    assert "class-conditional StyleGAN2, which is not supported" in refusal(tmp_path / "classes.pt")


@pytest.mark.parametrize("kernel", [torch.ones(4, 4), torch.ones(2, 2), torch.zeros(4, 4)])
def test_another_filter_is_refused(tmp_path: Path, tensors: StateDict, kernel: Tensor) -> None:
    other = tensors | {"convs.0.conv.blur.kernel": kernel}
    torch.save(other, tmp_path / "filter.pt")

    assert "another filter than 1 3 3 1 in convs.0.conv.blur" in refusal(tmp_path / "filter.pt")


def test_two_tensors_for_one_place_are_refused(
    tmp_path: Path, tensors: StateDict, mean: Tensor
) -> None:
    torch.save(tensors | in_ada(tensors, mean), tmp_path / "twice.pt")

    assert "has two tensors for style.1.weight" in refusal(tmp_path / "twice.pt")


def test_a_pickle_that_would_run_something_is_refused_and_runs_nothing(tmp_path: Path) -> None:
    path, target = tmp_path / "network.pkl", tmp_path / "harmed"
    code = f"open({str(target)!r}, 'w')".encode()
    path.write_bytes(
        b"\x80\x02cbuiltins\nexec\nX" + struct.pack("<I", len(code)) + code + b"\x85R."
    )

    assert "nothing else in it was run" in refusal(path)
    assert not target.exists()


def test_random_weights_repeat_with_their_seed_only() -> None:
    first, again, other = (draw_weights(TINY, seed).sha256 for seed in (0, 0, 1))

    assert first == again != other
    with pytest.raises(SettingsError, match="-1"):
        draw_weights(TINY, -1)


def table(**keys: object) -> StyleGanSettings:
    given = {"kind": "stylegan2", "weights": "random", "image_size_px": 128}
    return StyleGanSettings.model_validate(given | {"space": "w", "truncation": 0.7} | keys)


def test_a_table_of_the_config_becomes_the_generator_that_it_describes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    narrow = Variant(512, 1, (8, 8, 8, 8, 4, 2))
    monkeypatch.setattr(settings, "published", lambda _size: narrow)

    generator = table().build()

    assert generator.name == "stylegan2-128-w-random"
    assert generator.code_dim == table().known_code_dim() == 512


@pytest.mark.parametrize(
    ("variant", "sentence"),
    [
        (Variant(512, 1, (4, 4, 4, 4, 4)), "pictures of 64 pixels, not of 128: set image_size_px"),
        (Variant(64, 1, (4, 4, 4, 4, 4, 4)), "takes codes of 64 elements, not of 512"),
    ],
)
def test_a_file_that_the_table_does_not_describe_is_refused(
    tmp_path: Path, variant: Variant, sentence: str
) -> None:
    torch.save(dict(draw_weights(variant, 0).tensors), tmp_path / "weights.pt")

    with pytest.raises(SettingsError, match=sentence):
        table(weights=str(tmp_path / "weights.pt")).build()


@pytest.mark.parametrize(
    "keys", [{"space": "x"}, {"truncation": 0}, {"image_size_px": 100}, {"frozen": "class"}]
)
def test_a_table_that_says_something_else_is_refused(keys: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        table(**keys)
