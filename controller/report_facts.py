"""What a session's report says beside its log: optimizers by name and source, nulls, mean codes.

The page itself is that of `sessions.lab_report`, which knows neither optimizers nor generators.
"""

from importlib.metadata import version

import numpy as np

from controller import assembly
from controller.diagnostics import ThreadDiagnostics, diagnose, kind_of
from controller.optimizers.registry import KINDS
from controller.replay.configs import logged_config
from sessions.lab_report import Given, GivenOfThread
from sessions.reader import LogReader
from sessions.records import Pixels, ThreadInfo

N_MEAN_CODES = 8
"""Generations whose mean codes are rendered, evenly chosen."""


def report_facts(reader: LogReader, *, mean_codes: bool) -> Given:
    """Return what a report needs beside the log.

    Raises:
        ConfigError: mean codes are wanted, and the logged config is not one of this version.
        GeneratorError: they are wanted, and the generator cannot be built here.

    """
    rendered = _mean_codes(reader) if mean_codes else {}
    diagnosed = {found.thread_id: found for found in diagnose(reader).threads}
    return Given(
        made_by=f"neuroloop {version('neuroloop')}",
        threads={
            thread.thread_id: _of_thread(
                thread, diagnosed[thread.thread_id], rendered.get(thread.thread_id, {})
            )
            for thread in reader.threads
        },
    )


def _of_thread(
    thread: ThreadInfo, found: ThreadDiagnostics, rendered: dict[int, Pixels]
) -> GivenOfThread:
    kind = KINDS.get(kind_of(thread))
    return GivenOfThread(
        about=kind.about if kind else "",
        citation=kind.citation if kind else "",
        drift=found.drift,
        no_drift=found.no_drift,
        path=found.path,
        reliability=found.reliability,
        mean_codes=rendered,
    )


def _mean_codes(reader: LogReader) -> dict[int, dict[int, Pixels]]:
    """Render the mean codes of some generations of each thread, by thread and generation."""
    config = logged_config(reader)
    generators = assembly.build_generators(config)
    found = {}
    for thread, table in zip(reader.threads, config.threads, strict=True):
        rows = reader.codes(thread.thread_id)
        generations = np.unique(rows.generation)
        if not len(generations):
            continue
        places = np.linspace(0, len(generations) - 1, N_MEAN_CODES).round().astype(int)
        chosen = generations[np.unique(places)]
        means = [rows.code[rows.generation == g].mean(axis=0, dtype=np.float64) for g in chosen]
        images = generators[table.generator].render(np.stack(means).astype(np.float32))
        found[thread.thread_id] = dict(zip(chosen.tolist(), images, strict=True))
    return found
