"""Which generators a config can name: ours, those of other packages, and packages at fault."""

from collections.abc import Iterator
from importlib.metadata import EntryPoint
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from generators import registry
from generators.base import Generator
from generators.settings import GeneratorSettings


class Grey:
    """The least that a generator is."""

    name, code_dim, image_shape, norm_hint = "grey", 3, (8, 8, 3), 1.0
    weights_sha256, provenance = "0" * 64, "Made for a test."

    def render(self, codes: NDArray[np.float32]) -> NDArray[np.uint8]:
        return np.full((len(codes), 8, 8, 3), 128, np.uint8)

    def initial_codes(self, n: int, rng: np.random.Generator) -> NDArray[np.float32]:
        return rng.standard_normal((n, 3), dtype=np.float32)


class GreySettings(GeneratorSettings):
    """A grey field."""

    kind: Literal["grey"]

    def known_code_dim(self) -> int:
        return 3

    def build(self) -> Generator:
        return Grey()


class TakesAName(GreySettings):
    """Calls itself as ours does."""

    kind: Literal["gaussian"]  # type: ignore[assignment]  # that is its fault


class Nameless(GeneratorSettings):
    """Has no kind of its own."""


def install(monkeypatch: pytest.MonkeyPatch, *values: str) -> None:
    points = [EntryPoint("it", value, registry.ENTRY_POINTS) for value in values]
    monkeypatch.setattr(registry, "entry_points", lambda **_: points)


@pytest.fixture(autouse=True)
def afresh() -> Iterator[None]:
    """Look anew for packages, before and after."""
    for cached in (registry.settings_classes, registry._installed):
        cached.cache_clear()
    yield
    for cached in (registry.settings_classes, registry._installed):
        cached.cache_clear()


def test_a_package_of_others_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, f"{__name__}:GreySettings")
    monkeypatch.setattr(EntryPoint, "load", lambda _: GreySettings)

    assert registry.kinds()["grey"](kind="grey").build().name == "grey"
    assert registry.faults() == ()


def test_a_package_of_others_cannot_take_the_name_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    before = registry.kinds()["gaussian"]
    registry.settings_classes.cache_clear()
    install(monkeypatch, "x:TakesAName")
    monkeypatch.setattr(EntryPoint, "load", lambda _: TakesAName)

    assert registry.kinds()["gaussian"] is before


@pytest.mark.parametrize(
    ("value", "loaded", "why"),
    [
        ("no_such_package_anywhere:X", None, "cannot be loaded"),
        ("x:Y", 5, "no subclass of GeneratorSettings"),
        ("x:Y", Nameless, "no kind of type Literal"),
    ],
)
def test_a_package_at_fault_is_named_and_does_no_harm(
    monkeypatch: pytest.MonkeyPatch, value: str, loaded: object, why: str
) -> None:
    install(monkeypatch, value)
    if loaded is not None:
        monkeypatch.setattr(EntryPoint, "load", lambda _: loaded)

    assert set(registry.kinds()) >= {"gaussian", "deepsim_fc6"}
    (fault,) = registry.faults()
    assert why in fault
    assert value in fault
    assert "correct or uninstall it" in fault


def test_every_kind_of_ours_says_what_it_is() -> None:
    for kind, settings in registry.kinds().items():
        assert settings.__doc__
        assert settings.model_fields["kind"].description, kind
