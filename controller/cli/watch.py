"""A session's status as text, for a terminal and for a file. Asks nobody and decides nothing."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from controller.control.messages import SessionStatus, ThreadStatus


def status_lines(status: SessionStatus) -> Iterator[str]:
    """Yield the status as plain lines."""
    total = f" of {status.max_generations}" if status.max_generations else ""
    label = f" ({status.label})" if status.label else ""
    yield f"{status.session_id}: {status.state}{label}, {status.block}{total} generations done"
    for thread in status.threads:
        yield f"  {thread.name}: {thread_text(thread)}"
    yield f"  {pace(status)}"
    for alarm in alarm_lines(status):
        yield f"  {alarm}"
    if status.message:
        yield f"  {status.message}"
    yield f"  log in {status.folder}"


def alarm_lines(status: SessionStatus) -> Iterator[str]:
    """Yield what the operator must see now, and how to go on where the session waits for it."""
    for alarm in status.alarms:
        yield f"ALARM: {alarm}"
    if status.alarms and status.state in ("pausing", "paused"):
        yield "The session waits for you: neuroloop resume, or neuroloop stop."


def generation_line(status: SessionStatus) -> str:
    """Return one line about the last generation, for output that is not a terminal."""
    threads = "; ".join(f"{thread.name} {thread_text(thread)}" for thread in status.threads)
    total = f"/{status.max_generations}" if status.max_generations else ""
    return f"generation {status.block}{total}: {threads}; {pace(status)}"


def thread_text(thread: ThreadStatus) -> str:
    """Return evolved against reference responses of the last generation."""
    if thread.score_mean is None:
        return "no score yet"
    sem = f" ± {thread.score_sem:.1f}" if thread.score_sem is not None else ""
    text = f"evolved {thread.score_mean:.1f}{sem} sp/s"
    if thread.reference_mean is None:
        return text
    return f"{text}, references {thread.reference_mean:.1f} sp/s"


def pace(status: SessionStatus) -> str:
    """Return how fast it goes and how long it will take."""
    parts = [f"{clock(status.elapsed_s)} elapsed"]
    if status.images_per_s is not None:
        parts.append(f"{status.images_per_s:.1f} images/s")
    if status.eta_s is not None and status.state in ("running", "pausing"):
        parts.append(f"about {clock(status.eta_s)} to go")
    return ", ".join(parts)


def clock(seconds: float) -> str:
    """Return a duration as 1:02 or 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def view(status: SessionStatus | None) -> RenderableType:
    """Return the live view of a terminal."""
    if status is None:
        return Text("starting the session…")
    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("thread", "generation", "evolved", "references", "gain"):
        table.add_column(title, justify="left" if title == "thread" else "right")
    for thread in status.threads:
        table.add_row(*_cells(thread))
    head = Text(f"{status.session_id}  {status.state}", style="bold")
    if status.label:
        head.append(f"  {status.label}", style="yellow")
    last = Text(f"{pace(status)}  {status.message}", style="dim")
    alarms = (Text(line, style="bold red") for line in alarm_lines(status))
    return Group(head, table, _bar(status), last, *alarms)


def _cells(thread: ThreadStatus) -> tuple[Text | str, ...]:
    # A name may hold brackets, which are no markup.
    name = Text(thread.name)
    if thread.score_mean is None:
        return name, "–", "–", "–", "–"
    sem = f" ± {thread.score_sem:.1f}" if thread.score_sem is not None else ""
    reference, gain = "–", "–"
    if thread.reference_mean is not None:
        reference = f"{thread.reference_mean:.1f} sp/s"
        if thread.reference_mean > 0:
            gain = f"×{thread.score_mean / thread.reference_mean:.2f}"
    evolved = f"{thread.score_mean:.1f}{sem} sp/s"
    return name, str(thread.generation + 1), evolved, reference, gain


def _bar(status: SessionStatus) -> RenderableType:
    done = float(status.block)
    if status.presentations_planned and status.state in ("running", "pausing", "finishing"):
        done += 0.99 * status.presentations_done / status.presentations_planned
    total = status.max_generations
    of_total = f" of {total}" if total else ""
    bar = ProgressBar(total=total or 1, completed=done if total else 0, width=50)
    row = Table.grid(padding=(0, 1, 0, 0))
    row.add_row(bar, Text(f"generation {status.block}{of_total}"))
    return row
