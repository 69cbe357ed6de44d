"""Reading weights of BigGAN-deep as they go round, what is refused, and the config's table."""

import hashlib
import struct
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import save_file
from torch import Tensor

from generators.biggan import settings
from generators.biggan.checkpoints import draw_weights, read_weights
from generators.biggan.generator import BigGanGenerator
from generators.biggan.settings import BigGanSettings
from generators.biggan.variants import VARIANTS, Block, Variant
from generators.errors import SettingsError, WeightsError

StateDict = dict[str, Tensor]
TINY = Variant(
    image_size_px=128,
    blocks=(Block(64, 64, doubles=True), Block(64, 32, doubles=True)),
    attention_at=1,
    noise_dim=6,
    class_dim=5,
    n_classes=20,
)


@pytest.fixture
def tensors() -> StateDict:
    return dict(draw_weights(TINY, 0).tensors)


def bare_tensors(variant: Variant) -> StateDict:
    """Give tensors of the right shapes that store one number each."""
    return {name: torch.ones(1).expand(shape) for name, shape in variant.shapes.items()}


@pytest.mark.parametrize("name", ["pytorch_model.bin", "weights.pt", "weights.safetensors"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_both_formats_give_the_same_weights(
    tmp_path: Path, tensors: StateDict, name: str, prefix: str
) -> None:
    path, renamed = tmp_path / name, {prefix + key: t for key, t in tensors.items()}
    save_file(renamed, path) if path.suffix == ".safetensors" else torch.save(renamed, path)

    read = read_weights(TINY, path)

    assert list(read.tensors) == list(TINY.shapes)
    for key, tensor in tensors.items():
        assert torch.equal(read.tensors[key], tensor), key
    assert read.trained
    assert read.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert read.sha256 in read.provenance
    assert BigGanGenerator(read, 0.7).name == "biggan-deep-128"


def test_half_precision_is_read_and_computed_in_single(tmp_path: Path, tensors: StateDict) -> None:
    torch.save({key: t.half() for key, t in tensors.items()}, tmp_path / "half.pt")

    read = read_weights(TINY, tmp_path / "half.pt")

    assert {tensor.dtype for tensor in read.tensors.values()} == {torch.float32}


def refusal(path: Path, variant: Variant = TINY) -> str:
    with pytest.raises(WeightsError) as caught:
        read_weights(variant, path)
    sentence = str(caught.value)
    assert str(path) in sentence
    assert "\n" not in sentence
    return sentence


def test_all_faults_are_named_at_once(tmp_path: Path, tensors: StateDict) -> None:
    del tensors["generator.layers.0.conv_1.weight_u"]
    tensors["generator.layers.0.conv_1.weight"] = torch.zeros(1)
    tensors["generator.gen_z.bias"] = torch.zeros(7)
    tensors["embeddings.weight"] = torch.full((5, 20), float("nan"))
    torch.save(tensors, tmp_path / "broken.pt")

    sentence = refusal(tmp_path / "broken.pt")

    assert "does not fit the biggan-deep-128 network" in sentence
    assert "missing generator.layers.0.conv_1.weight_u" in sentence
    assert "unexpected generator.layers.0.conv_1.weight;" in sentence
    assert "generator.gen_z.bias has shape (7,), not (1024,)" in sentence
    assert "embeddings.weight holds values that are not finite numbers" in sentence


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=list(VARIANTS))
def test_the_weights_of_another_size_are_recognised(tmp_path: Path, variant: Variant) -> None:
    torch.save(bare_tensors(variant), tmp_path / "weights.pt")

    for other in VARIANTS.values():
        if other is not variant:
            sentence = refusal(tmp_path / "weights.pt", other)
            assert f"holds the weights of {variant.name}, not of {other.name}: use" in sentence
            assert f"use kind {variant.kind} for it" in sentence


def test_a_pickle_that_would_run_something_is_refused_and_runs_nothing(tmp_path: Path) -> None:
    path, target = tmp_path / "pytorch_model.bin", tmp_path / "harmed"
    code = f"open({str(target)!r}, 'w')".encode()
    harm = b"\x80\x02cbuiltins\nexec\nX" + struct.pack("<I", len(code)) + code + b"\x85R."
    path.write_bytes(harm)

    assert "nothing else in it was run" in refusal(path)
    assert not target.exists()


@pytest.mark.parametrize("sign", [0.0, -1.0])
def test_a_spectral_norm_that_cannot_be_is_refused(sign: float) -> None:
    weights = draw_weights(TINY, 0)
    changed = dict(weights.tensors)
    changed["generator.gen_z.weight_u"] = sign * changed["generator.gen_z.weight_u"]

    with pytest.raises(WeightsError, match=r"spectral norm of generator\.gen_z\.weight"):
        BigGanGenerator(type(weights)(TINY, changed, "0" * 64, "Changed.", trained=True), 0.7)


def test_a_variance_below_zero_is_refused() -> None:
    weights = draw_weights(TINY, 0)
    changed = dict(weights.tensors)
    name = "generator.layers.0.bn_2.running_vars"
    changed[name] = changed[name] - 100.0

    with pytest.raises(WeightsError, match=f"{name} holds variances below zero"):
        BigGanGenerator(type(weights)(TINY, changed, "0" * 64, "Changed.", trained=True), 0.7)


def test_random_weights_repeat_with_their_seed_only() -> None:
    first, again, other = (draw_weights(TINY, seed) for seed in (0, 0, 1))

    assert first.sha256 == again.sha256 != other.sha256
    for key, tensor in first.tensors.items():
        assert torch.equal(tensor, again.tensors[key]), key
    with pytest.raises(SettingsError, match="-1"):
        draw_weights(TINY, -1)


def test_vectors_of_random_weights_point_where_the_matrix_is_strongest() -> None:
    tensors = draw_weights(TINY, 0).tensors

    for key, v in tensors.items():
        if key.endswith("weight_v"):
            matrix = tensors[f"{key[:-2]}_orig"].flatten(1)
            sigma = float(tensors[f"{key[:-2]}_u"] @ matrix @ v)
            largest = float(torch.linalg.matrix_norm(matrix, 2))
            assert 0.7 * largest < sigma <= 1.0001 * largest, key


def table(**keys: object) -> BigGanSettings:
    given = {"kind": "biggan_deep_128", "weights": "random", "truncation": 0.7} | keys
    return BigGanSettings.model_validate(given)


@pytest.mark.parametrize(
    ("keys", "code_dim", "name"),
    [
        ({}, 11, "biggan-deep-128-random"),
        ({"frozen": "noise", "noise_seed": 0}, 5, "biggan-deep-128-class-random"),
        ({"frozen": "class", "class_index": 0}, 6, "biggan-deep-128-noise-random"),
    ],
)
def test_a_table_of_the_config_becomes_the_generator_that_it_describes(
    monkeypatch: pytest.MonkeyPatch, keys: dict[str, object], code_dim: int, name: str
) -> None:
    assert table(**keys).known_code_dim() in (128, 256)
    monkeypatch.setattr(settings, "VARIANTS", {"biggan_deep_128": TINY})

    generator = table(**keys).build()

    assert table(**keys).known_code_dim() == generator.code_dim == code_dim
    assert generator.name == name


def test_a_file_of_the_config_is_read(
    tmp_path: Path, tensors: StateDict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "VARIANTS", {"biggan_deep_128": TINY})
    torch.save(tensors, tmp_path / "pytorch_model.bin")

    generator = table(weights=str(tmp_path / "pytorch_model.bin"), truncation=0.5).build()

    assert generator.provenance.startswith("biggan-deep-128 weights from the user's file pytorch")
    assert generator.provenance.endswith("Truncation 0.5.")


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"frozen": "class"}, '@frozen@ = "class" needs @class_index@'),
        ({"frozen": "noise"}, '@frozen@ = "noise" needs @noise_seed@'),
        ({"class_index": 3}, '@frozen@ = "none" has no use for @class_index@'),
        ({"frozen": "noise", "noise_seed": 1, "class_index": 3}, "has no use for @class_index@"),
        ({"frozen": "class", "class_index": 1000}, "less than or equal to 999"),
        ({"truncation": 0.0}, "greater than 0"),
    ],
)
def test_a_table_that_contradicts_itself_is_refused(keys: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValidationError) as caught:
        table(**keys)
    assert sentence in str(caught.value)
