"""The composition root: from the config to generators, optimizers, threads and reference images.

The only file that names concrete classes, but for those of optimizers, which are named in
`controller.optimizers.registry`. Nothing is started here.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from controller.config import problems
from controller.config.optimizers import OptimizerTable
from controller.config.tables import (
    DeepSimFc6Table,
    GaussianTable,
    ReferencesTable,
    SessionConfig,
    ThreadTable,
)
from controller.errors import SessionRefused
from controller.experiments.evolution import EvolutionThread, Placement
from controller.optimizers.base import Direction, Optimizer
from controller.optimizers.errors import OptimizerOptionError
from controller.optimizers.registry import KINDS
from controller.optimizers.wrappers.norm_limits import NormLimits
from controller.randomness import Purpose, rng_for
from generators.base import Generator
from generators.gaussian import GaussianGenerator
from generators.images import load_folder
from generators.procedural import natural_references

REFERENCE_SEED = 2022
"""The embedded references are the same pictures in every session, so that sessions compare."""

RIG_MODULES = {"sim": "rig_adapters.sim"}
"""The module of each rig adapter's process."""
STIMULUS_MODULE = "rig_adapters.stimulus"


def build_generators(config: SessionConfig) -> dict[str, Generator]:
    """Return the generators that the threads use, by their name in the config."""
    used = {thread.generator for thread in config.threads}
    return {name: build_generator(config.generators[name]) for name in sorted(used)}


def build_generator(table: GaussianTable | DeepSimFc6Table) -> Generator:
    """Return the generator that one table describes."""
    if isinstance(table, GaussianTable):
        return GaussianGenerator(code_dim=table.code_dim, image_size_px=table.image_size_px)
    # torch takes a second to import, and sessions without it need not wait.
    from generators.deepsim_fc6 import DeepSimFc6Generator

    if table.weights == "random":
        return DeepSimFc6Generator.with_random_weights(seed=table.weights_seed)
    return DeepSimFc6Generator.from_file(Path(table.weights))


def build_threads(
    config: SessionConfig, generators: Mapping[str, Generator]
) -> tuple[EvolutionThread, ...]:
    """Return one evolution thread for each `[[threads]]` entry, in its order."""
    return tuple(
        EvolutionThread(
            thread_id=thread_id,
            name=thread.name or f"{thread.optimizer.kind} {thread_id}",
            optimizer=_build_thread_optimizer(config, thread_id, thread, generators),
            generator_name=thread.generator,
            driver_unit_ids=thread.driver_units,
            placement=Placement(*thread.position_deg, thread.size_deg),
            seed=config.session.seed,
        )
        for thread_id, thread in enumerate(config.threads)
    )


def build_optimizer(
    table: OptimizerTable, initial_codes: npt.NDArray[np.float32], direction: Direction
) -> Optimizer:
    """Return the optimizer that one table describes, starting from `initial_codes` (m, d).

    Raises:
        OptimizerOptionError: its options do not go with each other or with the codes.

    """
    optimizer = KINDS[table.kind].make(initial_codes, table.options(), direction)
    limited = any(limit is not None for limit in table.norm_limits)
    return NormLimits(optimizer, *table.norm_limits) if limited else optimizer


def load_references(table: ReferencesTable) -> tuple[tuple[str, ...], npt.NDArray[np.uint8]]:
    """Return the names and pixels `(n, h, w, 3)` of the reference images."""
    size_px = table.image_size_px
    if table.count == 0:
        return (), np.zeros((0, size_px, size_px, 3), np.uint8)
    if table.folder == "embedded":
        rng = np.random.default_rng(REFERENCE_SEED)
        images = natural_references(table.count, size_px, rng)
        return tuple(f"embedded {index:03d}" for index in range(table.count)), images
    pictures = load_folder(Path(table.folder), size_px, table.count)
    if len(pictures.names) < table.count:
        raise SessionRefused(
            f"references.folder: {table.folder} holds {len(pictures.names)} pictures, but "
            f"references.count asks for {table.count}"
        )
    return pictures.names, pictures.images


def _build_thread_optimizer(
    config: SessionConfig,
    thread_id: int,
    thread: ThreadTable,
    generators: Mapping[str, Generator],
) -> Optimizer:
    codes = _initial_codes(config, thread_id, thread, generators[thread.generator])
    try:
        return build_optimizer(thread.optimizer, codes, thread.direction)
    except OptimizerOptionError as error:
        told = problems.of_option(error, f"threads.{thread_id}.optimizer")
        raise SessionRefused(told.removesuffix(".")) from error


def _initial_codes(
    config: SessionConfig, thread_id: int, thread: ThreadTable, generator: Generator
) -> npt.NDArray[np.float32]:
    initial = thread.optimizer.initial
    kind, options = KINDS[thread.optimizer.kind], thread.optimizer.options()
    if initial == "zeros":
        return np.zeros((1, generator.code_dim), np.float32)
    if initial == "random":
        rng = rng_for(config.session.seed, Purpose.INITIAL_CODES, thread_id)
        return generator.initial_codes(kind.n_initial(options, generator.code_dim), rng)
    return _load_codes(initial, f"threads.{thread_id}.optimizer.initial", generator.code_dim)


def _load_codes(path: str, key: str, code_dim: int) -> npt.NDArray[np.float32]:
    """Return the codes `(m, code_dim)` of an .npy file that the config names at `key`."""
    try:
        with open(path, "rb") as file:
            loaded = np.lib.format.read_array(file, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise SessionRefused(f"{key}: {path} is not a readable .npy file: {error}") from error
    shape, kind = loaded.shape, loaded.dtype
    if len(shape) != 2 or not shape[0] or shape[1] != code_dim or kind.kind not in "fiu":
        raise SessionRefused(
            f"{key}: {path} holds an array of shape {shape} and type {kind}, but codes of shape "
            f"(m, {code_dim}) are needed"
        )
    with np.errstate(over="ignore"):
        codes = np.asarray(loaded, dtype=np.float32)
    if not np.isfinite(codes).all():
        raise SessionRefused(f"{key}: {path} holds codes that are not finite in float32")
    return codes
