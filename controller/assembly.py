"""The composition root: from the config to generators, optimizers, threads and reference images.

The only file that names concrete classes, but for those of optimizers and generators, which are
named in `controller.optimizers.registry` and `generators.registry`. Nothing is started here.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from controller.code_files import UnusableFile
from controller.config import problems
from controller.config.optimizers import OptimizerTable
from controller.config.tables import (
    ReferencesTable,
    SessionConfig,
    ThreadTable,
)
from controller.errors import SessionRefused
from controller.experiments.evolution import EvolutionThread, Placement
from controller.initial_codes import first_codes
from controller.optimizers.base import Direction, MakeOptimizer, Optimizer
from controller.optimizers.errors import OptimizerOptionError
from controller.optimizers.registry import KINDS
from controller.optimizers.wrappers.norm_limits import NormLimits
from controller.randomness import Purpose, rng_for
from generators import pacing
from generators.base import Generator
from generators.images import load_folder
from generators.procedural import natural_references
from rig_adapters.in_process import InProcessWire

if TYPE_CHECKING:
    from rig_adapters.sim.sight import Sight

REFERENCE_SEED = 2022
"""The embedded references are the same pictures in every session, so that sessions compare."""

STIMULUS_MODULE = "rig_adapters.stimulus"


def build_generators(config: SessionConfig) -> dict[str, Generator]:
    """Return the generators that the threads use, by their name in the config."""
    used = {thread.generator for thread in config.threads}
    return {name: config.generators[name].build() for name in sorted(used)}


def display_thread(sight: "Sight") -> Callable[[InProcessWire], None]:
    """Return what serves as the display of a session in one process; its light is for `sight`."""
    from rig_adapters.stimulus import presenter
    from rig_adapters.stimulus.virtual_display import VirtualDisplay

    return partial(
        presenter.run,
        make_display=lambda _kind: VirtualDisplay(),
        make_light=lambda _endpoint: sight,
        own_process=False,
    )


def rig_thread(sight: "Sight") -> Callable[[InProcessWire], None]:
    """Return what serves as the simulated rig of a session in one process."""
    from rig_adapters.sim import sight as simulated

    return partial(simulated.run, sight=sight)


def new_sight() -> "Sight":
    """Return what a rig in the same process sees a virtual display by."""
    from rig_adapters.sim.sight import Sight

    return Sight()


def warm_up(generators: Mapping[str, Generator]) -> dict[str, float]:
    """Render a few images with each; return the seconds that one takes by then, by its name."""
    return {name: pacing.warm_up(generator) for name, generator in generators.items()}


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
            placement=Placement(*thread.position_deg, thread.size_deg),
            seed=config.session.seed,
        )
        for thread_id, thread in enumerate(config.threads)
    )


def build_optimizer(
    table: OptimizerTable,
    initial_codes: npt.NDArray[np.float32],
    direction: Direction,
    key: str = "optimizer",
) -> Optimizer:
    """Return the optimizer that one table describes, starting from `initial_codes` (m, d).

    Raises:
        SessionRefused: its options, which stand at `key`, do not go with the codes.

    """
    inside = [_maker(inner, f"{key}.{place}") for place, inner in table.inside().items()]
    kind = KINDS[table.kind]
    made_of = [inside] if kind.inner == "parts" else inside
    try:
        optimizer = kind.make(initial_codes, table.options(), direction, *made_of)
    except OptimizerOptionError as error:
        raise SessionRefused(problems.of_option(error, key).removesuffix(".")) from error
    limited = any(limit is not None for limit in table.norm_limits)
    return NormLimits(optimizer, *table.norm_limits) if limited else optimizer


def n_initial_codes(table: OptimizerTable, code_dim: int) -> int:
    """Return how many codes of length `code_dim` the optimizer usually starts from."""
    kind, options = KINDS[table.kind], table.options()
    inside = zip(table.inside().values(), kind.inner_dims(options, code_dim), strict=True)
    wanted = [n_initial_codes(inner, inner_dim) for inner, inner_dim in inside]
    return max(wanted) if wanted else kind.n_initial(options, code_dim)


def _maker(table: OptimizerTable, key: str) -> MakeOptimizer:
    return lambda initial_codes: build_optimizer(table, initial_codes, "maximise", key)


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
    table, generator = thread.optimizer, generators[thread.generator]
    key = f"threads.{thread_id}.optimizer"
    rng = rng_for(config.session.seed, Purpose.INITIAL_CODES, thread_id)
    try:
        n = n_initial_codes(table, generator.code_dim)
        codes = first_codes(table.initial, n, generator, rng)
    except UnusableFile as error:
        raise SessionRefused(f"{key}.initial: {error}") from error
    return build_optimizer(table, codes, thread.direction, key)
