"""From the config to parts: first codes, threads, optimizers and reference images."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from controller import assembly
from controller.config import checks
from controller.errors import ConfigError, SessionRefused
from controller.experiments.evolution import Placement
from controller.optimizers.cma.cholesky import CholeskyCmaEs
from controller.optimizers.genetic import Genetic
from controller.optimizers.random_search import RandomSearch
from generators.deepsim.variants import VARIANTS

from .conftest import session_config

SMALL = ("generators.main.code_dim=8", "generators.main.image_size_px=72")


def first_codes(*overrides: str) -> np.ndarray:
    """Return what the only thread shows first."""
    config = session_config(*SMALL, *overrides)
    (thread,) = assembly.build_threads(config, assembly.build_generators(config))
    return thread.ask(0).codes


def test_random_first_codes_follow_from_the_seed() -> None:
    codes = first_codes()

    assert codes.shape == (40, 8)
    np.testing.assert_array_equal(codes, first_codes())
    assert not np.array_equal(codes, first_codes("session.seed=7"))


def test_the_population_size_is_that_of_the_random_first_codes() -> None:
    assert first_codes("threads.0.optimizer.population_size=6").shape == (6, 8)


def test_first_codes_can_be_zeros() -> None:
    codes = first_codes("threads.0.optimizer.initial=zeros")

    assert codes.shape[1] == 8
    assert not codes.any()


@pytest.mark.parametrize(
    ("kind", "optimizer"),
    [("cholesky_cma", CholeskyCmaEs), ("genetic", Genetic), ("random", RandomSearch)],
)
def test_each_kind_of_optimizer_is_built_with_its_population(kind: str, optimizer: type) -> None:
    config = session_config(
        *SMALL, f"threads.0.optimizer.kind={kind}", "threads.0.optimizer.population_size=14"
    )
    (thread,) = assembly.build_threads(config, assembly.build_generators(config))

    assert type(thread.optimizer) is optimizer
    assert thread.optimizer.population_size == 14
    assert thread.thread_id == 0
    assert thread.placement == Placement(0.0, 0.0, 4.0)


def test_a_thread_without_a_name_is_called_by_its_optimizer() -> None:
    config = session_config(*SMALL, 'threads.0.name=""')
    (thread,) = assembly.build_threads(config, assembly.build_generators(config))

    assert thread.name == "cholesky_cma 0"


def test_generators_that_no_thread_uses_are_not_built() -> None:
    config = session_config(
        *SMALL, "generators.fc6.kind=deepsim_fc6", "generators.fc6.weights=random"
    )

    assert list(assembly.build_generators(config)) == ["main"]


@pytest.mark.parametrize(
    ("layer", "code_dim"), [("fc6", 4096), ("fc7", 4096), ("fc8", 1000), ("pool5", 9216)]
)
def test_every_network_of_the_deepsim_family_has_a_kind_of_its_own(
    tmp_path: Path, layer: str, code_dim: int
) -> None:
    shapes = VARIANTS[layer].shapes.items()
    torch.save({name: torch.zeros(1).expand(shape) for name, shape in shapes}, tmp_path / "w.pt")
    config = session_config(
        *SMALL,
        f"generators.mine.kind=deepsim_{layer}",
        f"generators.mine.weights={tmp_path}/w.pt",
        "threads.0.generator=mine",
    )

    generator = assembly.build_generators(config)["mine"]

    assert generator.name == f"deepsim-{layer}"
    assert generator.code_dim == code_dim == checks.code_dim(config, config.threads[0])


def references(*overrides: str) -> tuple[tuple[str, ...], np.ndarray]:
    return assembly.load_references(session_config(*overrides).references)


def test_embedded_references_are_the_same_in_every_session() -> None:
    names, pixels = references("references.count=3")
    _, again = references("references.count=3", "session.seed=7")

    assert names == ("embedded 000", "embedded 001", "embedded 002")
    assert pixels.shape == (3, 128, 128, 3)
    np.testing.assert_array_equal(pixels, again)


def test_there_can_be_no_references() -> None:
    names, pixels = references("references.count=0")

    assert names == ()
    assert pixels.shape == (0, 128, 128, 3)


def test_references_come_from_a_folder_in_the_order_of_their_names(tmp_path: Path) -> None:
    for level, name in ((200, "b.png"), (50, "a.png"), (90, "c.png")):
        Image.new("RGB", (20, 20), (level, level, level)).save(tmp_path / name)

    names, pixels = references(
        f'references.folder="{tmp_path}"', "references.count=2", "references.image_size_px=16"
    )

    assert names == ("a.png", "b.png")
    assert pixels[:, 8, 8, 0].tolist() == [50, 200]


def test_a_folder_with_too_few_pictures_is_refused(tmp_path: Path) -> None:
    Image.new("RGB", (20, 20)).save(tmp_path / "only.png")

    with pytest.raises(SessionRefused, match=r"holds 1 pictures, but references\.count asks for 2"):
        references(f'references.folder="{tmp_path}"', "references.count=2")


@pytest.mark.parametrize(
    "override", ["kind=gaussian", "threads.0.optimizer.kind=[1]", "display.kind=gaussian"]
)
def test_an_override_of_a_kind_where_there_is_no_such_kind_is_a_config_error(
    override: str,
) -> None:
    with pytest.raises(ConfigError):
        session_config(override)


def test_another_kind_of_optimizer_keeps_only_the_settings_that_it_knows() -> None:
    optimizer = session_config("threads.0.optimizer.kind=genetic").threads[0].optimizer

    assert optimizer.kind == "genetic"
    assert optimizer.population_size == 40
    assert "sigma0" not in optimizer.model_dump()
