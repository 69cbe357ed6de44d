"""One simulated day: a whole evolution on the simulated rig, and what is kept of it.

Which site is recorded and how long the evolution goes on is drawn for each day; everything else is
what a config says. Counting and scoring are the session's.
"""

import asyncio
import gc
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from controller import assembly
from controller.bench.rig_days.direct import DirectPresenter, DirectRig
from controller.cli.config_commands import template
from controller.config.load import parse_config
from controller.config.tables import SessionConfig
from controller.experiments.blocks import images_of_block
from controller.experiments.evolution import EvolutionThread
from controller.presenting import Shown
from controller.randomness import Purpose, rng_for
from controller.recording import presentation_table, spike_table
from generators.base import Generator
from generators.settings import GeneratorSettings
from rig_adapters.clocks import Seconds
from sessions.analysis.responses import ScoringRule, driver_columns, score_images
from sessions.records import PresentationTable

KEEP_SPIKES_S = 2.0

GENERATIONS_MEDIAN = 30.0
GENERATIONS_LOG_SD = 0.29
"""Runs of 20 to 42 generations (10 to 90 %): ln(42/20) / 2.563."""

CEILING_MEDIAN_HZ = 125.0
CEILING_LOG_SD = 0.6
"""Of the tuned part of a site, drawn so that the published first and last rates come out; see the
background of the profile."""

PUBLIC_TIMING = (
    "display.on_frames=6",
    "display.off_frames=9",
    "display.fixation_frames=6",
    "display.inter_trial_frames=27",
    "display.presentations_per_trial=5",
)
"""100 ms on, 150 ms off, 450 ms between trials, 4 to 5 images in a trial: half a minute a block."""

SMALL = ("generators.main.image_size_px=72", "references.image_size_px=72")
"""Neurons look through 48 samples, so that larger pictures take time and change little."""


@dataclass(frozen=True, eq=False)
class Day:
    """What is kept of a session of `g` generations.

    evolved (g, n) scores of the images, NaN where there is none; reference (g, r) likewise.
    reference_counts (g, r): spikes of one response, NaN where there is none.
    begun, completed: trials; outcomes of all presentations; lost: whether a driver fell silent for
    good, disconnects: how often the recording system was lost. minutes: of the virtual clock.
    """

    seed: int
    evolved: Seconds
    reference: Seconds
    reference_counts: Seconds
    begun: int
    completed: int
    outcomes: Mapping[str, int]
    lost: bool
    disconnects: int
    minutes: float


def config_of_day(profile: str, seed: int, overrides: tuple[str, ...] = ()) -> SessionConfig:
    """Return the session of a day: one thread, and the site that `seed` draws."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1,)))
    generations = GENERATIONS_MEDIAN * math.exp(GENERATIONS_LOG_SD * rng.standard_normal())
    ceiling_hz = CEILING_MEDIAN_HZ * math.exp(CEILING_LOG_SD * rng.standard_normal())
    figure = int(rng.integers(0, 100_000))
    unit = (
        f"{{channel = 1, seed = {figure}, max_rate_hz = {min(500.0, max(20.0, ceiling_hz)):.2f}}}"
    )
    return parse_config(
        template(),
        (
            f"rig.settings.profile={profile}",
            f"rig.settings.units=[{unit}]",
            f"session.seed={seed}",
            "session.time=virtual",
            "display.kind=virtual",
            "scoring.max_attempts=20",
            f"stopping.max_generations={max(8, round(generations))}",
            *PUBLIC_TIMING,
            *SMALL,
            *overrides,
        ),
    )


def run_day(config: SessionConfig) -> Day:
    """Return what becomes of a session, from its first to its last generation."""
    # Before each part the garbage is collected, as in a session; what is there already is none.
    gc.freeze()
    try:
        return asyncio.run(_Day(config).run())
    finally:
        gc.unfreeze()


class _Day:
    def __init__(self, config: SessionConfig) -> None:
        self._config = config
        self._generators = {name: _generator(table) for name, table in config.generators.items()}
        (self._thread,) = assembly.build_threads(config, self._generators)
        self._rig = DirectRig(config)
        self._presenter = DirectPresenter(config, self._rig)
        window, baseline = config.scoring.response_window_s, config.scoring.baseline_window_s
        if isinstance(window, str) or not isinstance(baseline, str):
            raise ValueError("a simulated day has a response window, and no baseline")
        self._rule = ScoringRule(window, None, "none")
        self._unit_ids = self._rig.simulation.neurons.unit_ids
        self._drivers = config.threads[0].driver_units or ()
        self._columns = driver_columns(self._unit_ids, self._drivers)
        self._rows: list[tuple[Seconds, Seconds, Seconds]] = []

    async def run(self) -> Day:
        config, thread = self._config, self._thread
        _, references = assembly.load_references(config.references)
        reference_ids = -1 - np.arange(len(references), dtype=np.int64)
        self._presenter.load(reference_ids, references, thread.placement, keep=True)
        next_id = 0
        for block in range(config.stopping.max_generations or 0):
            next_id = await self._generation(block, next_id, reference_ids, thread)
        trials, losses = self._presenter.trials, self._rig.simulation.losses
        end_host_s = float(self._presenter.clock.to_host(self._rig.recording.through_rig_s or 0.0))
        evolved, reference, counts = (np.array(rows) for rows in zip(*self._rows, strict=True))
        return Day(
            seed=config.session.seed,
            evolved=evolved,
            reference=reference,
            reference_counts=counts,
            begun=trials.begun,
            completed=trials.completed,
            outcomes=dict(self._presenter.outcomes),
            lost=any(losses.lost_from_s(unit_id) < end_host_s for unit_id in self._drivers),
            disconnects=self._rig.disconnects,
            minutes=end_host_s / 60.0,
        )

    async def _generation(
        self,
        block: int,
        next_id: int,
        reference_ids: npt.NDArray[np.int64],
        thread: EvolutionThread,
    ) -> int:
        population = thread.ask(next_id)
        images = self._generators[thread.generator_name].render(population.codes)
        self._presenter.load(population.ids, images, thread.placement, keep=False)
        to_show = images_of_block(
            [(thread.thread_id, thread.placement, population.ids.tolist())], reference_ids.tolist()
        )
        rng = rng_for(self._config.session.seed, Purpose.BLOCK_ORDER, thread_id=0, number=block)
        shown: list[Shown] = []
        repeats = self._config.scoring.repeats
        await self._presenter.present(
            block,
            [(image, 0) for image in to_show for _ in range(repeats)],
            rng,
            lambda _fact: None,
            lambda _part, rows, _trials: shown.extend(rows),
        )
        table = self._counted(shown)
        completed = np.array([outcome == "completed" for outcome in table.outcome])
        counts = table.response_counts[:, self._columns]
        scored, references = (
            score_images(ids, table.image_id, completed, counts, None, self._rule)
            for ids in (population.ids, reference_ids)
        )
        self._rows.append((scored.scores, references.scores, references.scores * self._window_s))
        thread.optimizer.tell(population.ids, population.codes, scored.scores, scored.n_valid)
        return next_id + len(population.ids)

    @property
    def _window_s(self) -> float:
        begin_s, end_s = self._rule.response_window_s or (0.0, 0.0)
        return end_s - begin_s

    def _counted(self, shown: list[Shown]) -> PresentationTable:
        recording, unit_ids = self._rig.recording, list(self._unit_ids)
        through_rig_s = recording.through_rig_s or 0.0
        spikes = spike_table(recording, unit_ids, -math.inf, through_rig_s)
        table = presentation_table(shown, spikes, unit_ids, self._rule)
        recording.drop_before(through_rig_s - KEEP_SPIKES_S)
        return table


@cache
def _generator(settings: GeneratorSettings) -> Generator:
    """Return a generator, the same one for every day: it has no state, and making it takes long."""
    return settings.build()


def outcomes_of(days: Sequence[Day]) -> Counter[str]:
    """Return how often presentations of these days ended how."""
    return sum((Counter(day.outcomes) for day in days), Counter())
