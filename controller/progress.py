"""What a monitor may know of a running session, kept by the session and read by the daemon."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from controller.control.messages import PartStatus, ThreadStatus
from controller.experiments.evolution import EvolutionThread
from controller.trials import TrialCounts
from sessions.analysis.evolution import describe
from sessions.records import GenerationRecord, ThreadGeneration


@dataclass
class Progress:
    """Changes as the session goes on; nobody's decisions depend on it."""

    label: str = ""
    block: int = 0
    started_s: float = field(default_factory=time.monotonic)
    first_block_s: float | None = None
    last_block_s: float | None = None
    """When the last block was complete."""
    presentations_done: int = 0
    presentations_planned: int = 0
    part: PartStatus | None = None
    outcomes: Counter[str] = field(default_factory=Counter)
    trials: TrialCounts = field(default_factory=TrialCounts)
    threads: tuple[ThreadStatus, ...] = ()
    message: str = ""
    alarms: list[str] = field(default_factory=list)

    def begin(self) -> None:
        """Note that blocks are shown from now on; again, in a session that was interrupted."""
        if self.first_block_s is None:
            self.first_block_s, self.message = time.monotonic(), ""

    def set_part(self, done: int, planned: int, part: PartStatus) -> None:
        """Note how far the open part of the block is."""
        self.presentations_done, self.presentations_planned = done, planned
        self.part = part

    def block_done(self, blocks: int) -> None:
        """Note that so many blocks are complete."""
        self.block, self.last_block_s, self.part = blocks, time.monotonic(), None

    def told(self, record: GenerationRecord, threads: Sequence[EvolutionThread]) -> list[str]:
        """Note where each search stands after a generation; return what its optimizer advises now.

        The numbers in advice change with each generation, so it is returned when it begins.
        """
        warned = {status.thread_id for status in self.threads if status.advice}
        by_id = {thread.thread_id: thread for thread in threads}
        self.threads = tuple(
            thread_status(record, told, by_id[told.thread_id]) for told in record.threads
        )
        new = [status for status in self.threads if status.thread_id not in warned]
        return [f"thread {status.thread_id}: {text}" for status in new for text in status.advice]

    def elapsed_s(self) -> float:
        """Since the daemon began."""
        return time.monotonic() - self.started_s

    def running_s(self) -> float:
        """Since the first block began."""
        return 0.0 if self.first_block_s is None else time.monotonic() - self.first_block_s

    def images_per_s(self) -> float | None:
        """Completed presentations per second since the first block."""
        running_s = self.running_s()
        return self.outcomes["completed"] / running_s if running_s > 0 and self.block else None

    def eta_s(self, max_generations: int | None, max_minutes: float | None) -> float | None:
        """Seconds until a stopping rule applies, at the pace so far; None when not known yet.

        The pace is that of complete blocks, so the estimate falls while a block goes on.
        """
        if self.first_block_s is None:
            return None
        running_s = self.running_s()
        estimates = []
        if max_generations is not None and self.block and self.last_block_s is not None:
            whole_s = (self.last_block_s - self.first_block_s) / self.block * max_generations
            estimates.append(max(0.0, whole_s - running_s))
        if max_minutes is not None:
            estimates.append(max(0.0, 60.0 * max_minutes - running_s))
        return min(estimates, default=None)


def thread_status(
    record: GenerationRecord, told: ThreadGeneration, thread: EvolutionThread
) -> ThreadStatus:
    """Return how a thread stands after a generation that its optimizer was told."""
    figures = thread.optimizer.summary()
    references = record.reference_scores
    score_mean, score_sem, _, n_scored = describe(told.scores)
    reference_mean, _, _, _ = describe(references.score[references.thread_id == told.thread_id])
    return ThreadStatus(
        thread_id=told.thread_id,
        name=thread.name,
        generation=told.generation,
        n_images=len(told.image_ids),
        n_scored=n_scored,
        score_mean=_if_known(score_mean),
        score_sem=_if_known(score_sem),
        reference_mean=_if_known(reference_mean),
        sigma=figures.get("sigma"),
        code_norm=float(np.linalg.norm(told.codes, axis=1).mean()),
        step_angle_deg=figures.get("step_angle_deg"),
        exploration_angle_deg=figures.get("exploration_angle_deg"),
        advice=thread.optimizer.stop_reasons(),
    )


def _if_known(value: float) -> float | None:
    return value if np.isfinite(value) else None
