"""A session's status as text, for a terminal and for a file. Asks nobody and decides nothing."""

from collections.abc import Iterator, Mapping

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from controller.control.messages import PartStatus, SessionStatus, ThreadStatus

_STATE_STYLES = {"running": "bold green", "faulted": "bold red"}


def status_lines(status: SessionStatus) -> Iterator[str]:
    """Yield the status as plain lines."""
    total = f" of {status.max_generations}" if status.max_generations else ""
    label = f" ({status.label})" if status.label else ""
    yield f"{status.session_id}: {status.state}{label}, {status.block}{total} generations done"
    for thread in status.threads:
        yield f"  {thread.name}: {thread_text(thread)}"
        yield from (f"    {line}" for line in (search_text(thread), *thread.advice) if line)
    if status.part is not None:
        yield f"  {part_text(status, status.part)}"
    if status.outcomes:
        yield f"  presentations of the session: {outcomes_text(status.outcomes)}"
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


def part_text(status: SessionStatus, part: PartStatus) -> str:
    """Return what is being shown now, and what went wrong with it so far."""
    texts = (now_text(status, part), trouble_text(part), before_text(part))
    return "; ".join(text for text in texts if text)


def now_text(status: SessionStatus, part: PartStatus) -> str:
    """Return what is on the screen."""
    done = f"{status.presentations_done} of {status.presentations_planned}"
    if part.waiting_for:
        done = f"all {status.presentations_planned} shown, waiting for {part.waiting_for}"
    generation = f"generation {status.block + 1}"
    if not part.part:
        what = "presentations shown" if not part.waiting_for else ""
        return f"{generation}: {done} {what}".rstrip()
    images = f"{part.images} images" if part.images > 1 else "1 image"
    text = f"{generation}: {images} again, {done}"
    if part.waiting_for or part.image_id is None:
        return text
    return f"{text} shown; image {part.image_id}, attempt {part.attempt} of {part.max_attempts}"


def trouble_text(part: PartStatus) -> str:
    """Return what is known by now to have gone wrong in the open part."""
    broken = part.fixations_broken
    fixations = "1 broken fixation" if broken == 1 else f"{broken} broken fixations"
    late = [f"{part.late} late"] if part.late else []
    times = "once" if part.unattended == 1 else f"{part.unattended} times"
    waits = [f"waits for the animal to look, {times} in vain"]
    return ", ".join([*late, *([fixations] if broken else []), *(waits if part.unattended else [])])


def before_text(part: PartStatus) -> str:
    """Return how the earlier presentations of this generation ended."""
    return f"before: {outcomes_text(part.earlier_outcomes)}" if part.earlier_outcomes else ""


def outcomes_text(outcomes: Mapping[str, int]) -> str:
    """Return how presentations ended, completed ones first."""
    order = sorted(outcomes, key=lambda outcome: (outcome != "completed", outcome))
    return ", ".join(f"{outcomes[o]} {o.replace('_', ' ')}" for o in order if outcomes[o])


def generation_line(status: SessionStatus) -> str:
    """Return one line about the last generation, for output that is not a terminal."""
    threads = "; ".join(f"{thread.name} {thread_text(thread)}" for thread in status.threads)
    total = f"/{status.max_generations}" if status.max_generations else ""
    return f"generation {status.block}{total}: {threads}; {pace(status)}"


def thread_text(thread: ThreadStatus) -> str:
    """Return evolved against reference responses of the last generation."""
    if thread.score_mean is None:
        return "no image has a score"
    sem = f" ± {thread.score_sem:.1f}" if thread.score_sem is not None else ""
    text = f"evolved {thread.score_mean:.1f}{sem} sp/s"
    if thread.reference_mean is not None:
        text += f", references {thread.reference_mean:.1f} sp/s"
    return text + unscored_text(thread)


def search_text(thread: ThreadStatus) -> str:
    """Return where the search stands: contrast of the codes, how far it looks and has turned."""
    known = {
        "codes of norm {:.0f}": thread.code_norm,
        "sigma {:.3g}": thread.sigma,
        "looks {:.0f}° around its mean": thread.exploration_angle_deg,
        "which turned by {:.1f}°": thread.step_angle_deg,
    }
    return ", ".join(text.format(value) for text, value in known.items() if value is not None)


def unscored_text(thread: ThreadStatus) -> str:
    """Return how many images of the last generation have no score, where there are any."""
    missing = thread.n_images - thread.n_scored
    return f", {missing} of {thread.n_images} images without a score" if missing else ""


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
    lines: list[RenderableType] = [_head(status)]
    if status.threads:
        table = Table(box=None, padding=(0, 2, 0, 0))
        for title in ("thread", "generation", "evolved", "references", "gain", "without score"):
            table.add_column(title, justify="left" if title == "thread" else "right")
        for thread in status.threads:
            table.add_row(*_cells(thread))
        lines.append(table)
    alarms = (Text(line, style="bold red") for line in alarm_lines(status))
    return Group(*lines, _bar(status), _details(status), *alarms)


def _head(status: SessionStatus) -> RenderableType:
    head = Text(f"{status.session_id}  ", style="bold")
    head.append(status.state, style=_STATE_STYLES.get(status.state, "bold yellow"))
    if status.label:
        head.append(f"  {status.label}", style="yellow" if "no timing" in status.label else "")
    return head


def _details(status: SessionStatus) -> RenderableType:
    """Return what happens now and what happened so far, one kind to a line."""
    rows = Table.grid(padding=(0, 2, 0, 0))
    rows.add_column(style="dim", no_wrap=True)
    rows.add_column()
    for thread in status.threads:
        if search_text(thread):
            rows.add_row("search", Text(f"{thread.name}: {search_text(thread)}"))
        for advice in thread.advice:
            rows.add_row("", Text(f"{thread.name}: {advice}", style="yellow"))
    part = status.part
    if part is not None:
        now = Text(now_text(status, part))
        trouble = trouble_text(part)
        if trouble:
            now.append(f"; {trouble}", style="yellow")
        rows.add_row("now", now)
        if part.earlier_outcomes:
            rows.add_row("before", f"{outcomes_text(part.earlier_outcomes)} in this generation")
    if status.outcomes:
        rows.add_row("session", outcomes_text(status.outcomes))
    rows.add_row("time", pace(status))
    if status.message:
        rows.add_row("", Text(status.message, style="yellow"))
    return rows


def _cells(thread: ThreadStatus) -> tuple[Text | str, ...]:
    # A name may hold brackets, which are no markup.
    name = Text(thread.name)
    if thread.score_mean is None:
        return name, str(thread.generation + 1), "–", "–", "–", _unscored(thread)
    sem = f" ± {thread.score_sem:.1f}" if thread.score_sem is not None else ""
    reference, gain = "–", "–"
    if thread.reference_mean is not None:
        reference = f"{thread.reference_mean:.1f} sp/s"
        if thread.reference_mean > 0:
            gain = f"×{thread.score_mean / thread.reference_mean:.2f}"
    evolved = f"{thread.score_mean:.1f}{sem} sp/s"
    return name, str(thread.generation + 1), evolved, reference, gain, _unscored(thread)


def _unscored(thread: ThreadStatus) -> Text:
    missing = thread.n_images - thread.n_scored
    return Text(f"{missing} of {thread.n_images}", style="yellow" if missing else "")


def _bar(status: SessionStatus) -> RenderableType:
    done = float(status.block)
    if status.part is not None and status.part.part == 0:
        done += 0.99 * status.presentations_done / status.presentations_planned
    elif status.part is not None:
        # How many parts will follow is not known.
        done += 0.99
    total = status.max_generations
    of_total = f" of {total}" if total else ""
    bar = ProgressBar(total=total or 1, completed=done if total else 0, width=50)
    row = Table.grid(padding=(0, 1, 0, 0))
    row.add_row(bar, Text(f"{status.block}{of_total} generations done"))
    return row
