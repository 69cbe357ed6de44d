"""The embedded network: contract, pixels beside plain numpy, its file, its place in configs."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from generators import registry
from generators.base import Generator
from generators.embedded import generator as embedded
from generators.embedded.arrays import EmbeddedWeights, read_arrays
from generators.embedded.generator import EmbeddedGenerator, embedded_weights
from generators.embedded.settings import EmbeddedSettings
from generators.embedded.training.loop import Recipe
from generators.errors import WeightsError
from generators.testing.differentiable_contract import DifferentiableContract
from generators.testing.generator_contract import GeneratorContract, InvertibleContract

Array = NDArray[np.float64]


@pytest.fixture(scope="module")
def shipped() -> EmbeddedWeights:
    return embedded_weights()


class TestShippedNetwork(GeneratorContract, InvertibleContract, DifferentiableContract):
    @pytest.fixture(scope="class")
    @classmethod
    def generator(cls) -> Generator:
        return EmbeddedGenerator()

    @pytest.fixture(autouse=True)
    def few_steps(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Save time: these few steps are a good part of the way."""
        monkeypatch.setattr(embedded, "INVERSION_STEPS", 25)


def convolution(x: Array, kernel: Array, bias: Array) -> Array:
    """Sum of the nine shifted maps, each through its entry of the kernel."""
    height, width = x.shape[1:]
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    total = np.zeros((len(kernel), height, width)) + bias[:, None, None]
    for i in range(3):
        for j in range(3):
            seen = padded[:, i : i + height, j : j + width].reshape(len(x), -1)
            total += (kernel[:, :, i, j] @ seen).reshape(total.shape)
    return total


def leaky(x: Array) -> Array:
    return np.where(x > 0, x, 0.2 * x)


def magnified(sketch: Array, factor: int) -> Array:
    """Interpolate between the centres of pixels; beyond the outermost ones nothing changes."""
    size = sketch.shape[1]
    places = np.clip((np.arange(size * factor) + 0.5) / factor - 0.5, 0, size - 1)
    below = np.minimum(places.astype(int), size - 2)
    weights = np.zeros((size * factor, size))
    rows = np.arange(size * factor)
    weights[rows, below] = 1.0 - (places - below)
    weights[rows, below + 1] = places - below
    return np.einsum("yi,cij,xj->cyx", weights, sketch, weights)


def rgb_of(code: Array, held: EmbeddedWeights) -> Array:
    """What the decoder gives for one code of unit deviation, ``(h, w, 3)``, in plain numpy."""
    p = {name: array.astype(np.float64) for name, array in held.arrays.items()}
    sketch = (p["sketch.weight"] @ code + p["sketch.bias"]).reshape(3, 16, 16)
    x = (p["spread.weight"] @ code + p["spread.bias"]).reshape(-1, 4, 4)
    for level in range(5):
        if level:
            x = x.repeat(2, axis=1).repeat(2, axis=2)
        if level == 2:
            x = np.concatenate([x, sketch])
        x = convolution(x, p[f"levels.{level}.weight"], p[f"levels.{level}.bias"])
        x = x / np.sqrt((x**2).mean(axis=0) + 1e-6)
        style = p[f"styles.{level}.weight"] @ code + p[f"styles.{level}.bias"]
        gain, shift = style.reshape(2, -1, 1, 1)
        x = leaky(x * (1.0 + gain) + shift)
    x = convolution(x, p["quadruple.weight"], p["quadruple.bias"])
    n, height, width = len(x) // 4, x.shape[1], x.shape[2]
    x = x.reshape(n, 2, 2, height, width).transpose(0, 3, 1, 4, 2)
    x = leaky(x.reshape(n, 2 * height, 2 * width))
    x = convolution(x, p["colour.weight"], p["colour.bias"]) + magnified(sketch, 8)
    return x.transpose(1, 2, 0)


def test_pixels_are_those_of_an_independent_implementation(shipped: EmbeddedWeights) -> None:
    generator = EmbeddedGenerator(shipped)
    codes = generator.initial_codes(2, np.random.default_rng(1))

    images = generator.render(codes)

    for code, image in zip(codes, images, strict=True):
        unscaled = code.astype(np.float64) / (300.0 / 64.0)
        wanted = np.clip(127.5 * (rgb_of(unscaled, shipped) + 1.0), 0.0, 255.0)
        assert wanted.std() > 15
        # Half a level is rounding; the rest is float32 beside float64.
        assert np.abs(image - wanted).max() < 0.5 + 0.05


def test_random_codes_show_edges_that_linear_pictures_have_not(shipped: EmbeddedWeights) -> None:
    """Differences of neighbours are heavy-tailed in pictures of things, and normal in blur."""
    images = EmbeddedGenerator(shipped).render(
        EmbeddedGenerator(shipped).initial_codes(16, np.random.default_rng(0))
    )
    grey = images.astype(float).mean(axis=3)
    steps = np.diff(grey, axis=2).reshape(16, -1)

    kurtosis = (steps**4).mean(axis=1) / (steps**2).mean(axis=1) ** 2

    assert np.median(kurtosis) > 5


def test_the_shipped_file_says_what_it_is(shipped: EmbeddedWeights) -> None:
    recipe = json.loads(shipped.recipe)

    assert "no photograph" in shipped.provenance
    assert f"{recipe['n_pictures']} pictures" in shipped.provenance
    assert f"{recipe['steps']} steps" in shipped.provenance
    assert set(recipe.pop("versions")) == {"python", "numpy", "scipy", "torch"}
    # What the script would do today is what made the file.
    assert recipe == json.loads(json.dumps(asdict(Recipe()))) | {"steps": Recipe().steps}


def test_a_file_comes_back_as_it_was_saved(shipped: EmbeddedWeights, tmp_path: Path) -> None:
    shipped.save(tmp_path / "again.npz")

    again = read_arrays(tmp_path / "again.npz")

    assert again.sha256() == shipped.sha256()
    assert (again.recipe, again.provenance) == (shipped.recipe, shipped.provenance)
    assert [path.name for path in tmp_path.iterdir()] == ["again.npz"]


def test_a_changed_value_changes_the_digest(shipped: EmbeddedWeights) -> None:
    arrays = {name: array.copy() for name, array in shipped.arrays.items()}
    arrays["colour.bias"][0] += 1

    assert replace(shipped, arrays=arrays).sha256() != shipped.sha256()


def test_damaged_files_are_refused(shipped: EmbeddedWeights, tmp_path: Path) -> None:
    whole = tmp_path / "whole.npz"
    shipped.save(whole)
    (tmp_path / "cut.npz").write_bytes(whole.read_bytes()[:5000])
    infinite = {**shipped.arrays, "colour.bias": np.full(3, np.inf, np.float16)}
    replace(shipped, arrays=infinite).save(tmp_path / "infinite.npz")

    for name in ("absent", "cut", "infinite"):
        with pytest.raises(WeightsError, match=f"{name}.npz"):
            read_arrays(tmp_path / f"{name}.npz")


@pytest.mark.parametrize("fault", ["missing", "misshapen", "sizes"])
def test_weights_of_another_network_are_refused(shipped: EmbeddedWeights, fault: str) -> None:
    arrays, recipe = dict(shipped.arrays), shipped.recipe
    if fault == "missing":
        del arrays["colour.bias"]
    elif fault == "misshapen":
        arrays["colour.bias"] = np.zeros(4, np.float16)
    else:
        recipe = "{}"

    with pytest.raises(WeightsError, match="sizes" if fault == "sizes" else r"colour\.bias"):
        EmbeddedGenerator(EmbeddedWeights(arrays, recipe, "Wrong."))


def test_a_config_names_it_and_nothing_else_is_needed() -> None:
    settings = registry.kinds()["embedded"]
    built = settings(kind="embedded").build()

    assert settings is EmbeddedSettings
    assert built.code_dim == settings(kind="embedded").known_code_dim()
    assert built.name == "embedded-256"
    assert built.norm_hint / np.sqrt(built.code_dim) == 300 / 64
