"""How `neuroloop inspect` prints a log: what it is, its generations, and what is wrong with it."""

from collections.abc import Sequence

import numpy as np
from rich.table import Table
from rich.text import Text

from controller.cli.output import out, say
from controller.diagnostics import diagnose, sentences
from sessions.checks.base import Finding
from sessions.reader import LogReader
from sessions.report import summary, summary_sentences

_STYLES = {"info": "", "warning": "yellow", "error": "red"}


def print_inspection(reader: LogReader, findings: Sequence[Finding]) -> None:
    """Print everything that the command shows."""
    start = reader.start
    simulated = "simulated rig" if start.rig_simulated else "rig"
    say(
        f"{start.session_id}: subject {start.subject_id}, {simulated} {start.rig_adapter}, "
        f"{start.time} time, {start.display_label}"
    )
    for sentence in summary_sentences(summary(reader)):
        say(sentence)
    out.print(_generation_table(reader))
    for thread in diagnose(reader).threads:
        for line in sentences(thread):
            say(line)
    _print_time_split(reader)
    for event in zip(reader.events.wall_time, reader.events.kind, reader.events.text, strict=True):
        say("  ".join(event))
    if not findings:
        say("All checks passed.")
    for finding in findings:
        text = f"{finding.severity}: {finding.message} {finding.remedy}"
        out.print(text, markup=False, style=_STYLES[finding.severity])


def _generation_table(reader: LogReader) -> Table:
    rows = reader.generations
    names = {thread.thread_id: thread.name for thread in reader.threads}
    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("generation", "thread", "images", "evolved sp/s", "references sp/s", "sigma"):
        table.add_column(title, justify="right")
    for index in range(len(rows.generation)):
        table.add_row(
            str(rows.generation[index]),
            Text(names[int(rows.thread_id[index])]),
            str(rows.n_images[index]),
            f"{rows.score_mean[index]:.1f} ± {rows.score_sem[index]:.1f}",
            f"{rows.reference_mean[index]:.1f} ± {rows.reference_sem[index]:.1f}",
            "–" if np.isnan(rows.sigma[index]) else f"{rows.sigma[index]:.2f}",
        )
    return table


def _print_time_split(reader: LogReader) -> None:
    split = summary(reader).time_split_s
    total = split.get("total", 0.0)
    if total > 0:
        parts = ", ".join(
            f"{stage} {100 * seconds / total:.1f} %"
            for stage, seconds in split.items()
            if stage != "total" and seconds == seconds
        )
        say(f"Time: {total:.1f} s, of which {parts}")
