"""How the standings of a race are printed: for a terminal, and as Markdown for a page."""

import math
import re
from collections.abc import Callable, Mapping, Sequence

from controller.bench.standings import Estimate, Pair, Row, Standings, change

Table = list[list[str]]
"""Rows of cells, the first of them the head."""

NOT_RUN = "–"
_BLOCK = re.compile(r"(<!-- printed: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_FEWEST_PAIRS = 5
"""With fewer pairs of neuron and seed, resampling says nothing of the spread."""


def score_table(standings: Standings) -> Table:
    """Tabulate the final score of each optimizer under each condition."""
    return _table(standings, lambda row: _score(row.final, len(row.pairs)))


def best_table(standings: Standings) -> Table:
    """Tabulate the score of the best image that was shown."""
    return _table(standings, lambda row: _score(row.best, len(row.pairs)))


def ahead_table(standings: Standings) -> Table:
    """Tabulate the final score minus that of the reference on the same neuron and seed."""
    return _table(standings, lambda row: _difference(row.ahead))


def presentations_table(standings: Standings) -> Table:
    """Tabulate presentations until the reference's final score is reached."""
    return _table(standings, lambda row: _presentations(row.to_reference))


def cost_table(standings: Standings) -> Table:
    """Tabulate time per generation, and the norm of the last codes."""
    head = ["optimizer", "median ms", "longest ms", "norm of last codes", "heats with an error"]
    table = [head]
    for name in standings.optimizers:
        rows = [row for row in standings.rows if row.optimizer == name]
        medians = sorted(row.ask_tell_ms[0] for row in rows)
        norms = [row.code_norm for row in rows]
        table.append(
            [
                name,
                f"{medians[len(medians) // 2]:.1f}",
                f"{max(row.ask_tell_ms[1] for row in rows):.0f}",
                f"{min(norms):.0f} … {max(norms):.0f}",
                str(sum(len(row.errors) for row in rows)),
            ]
        )
    return table


def loss_table(standings: Standings, steady: str) -> Table:
    """Tabulate the final score under `steady`, and its change under each other condition."""
    others = [c for c in standings.conditions if c != steady]
    table = [["optimizer", steady, *(c.removeprefix(f"{steady}+") for c in others), "errors"]]
    for name in standings.optimizers:
        base = standings.row(name, steady)
        cells = [name, _score(base.final, len(base.pairs)) if base else NOT_RUN]
        rows = [standings.row(name, condition) for condition in others]
        for row in rows:
            known = base is not None and row is not None
            cells.append(_change(base, row) if base and row and known else NOT_RUN)
        table.append([*cells, str(sum(len(row.errors) for row in [base, *rows] if row))])
    return table


def family_table(standings: Standings) -> Table:
    """Tabulate the final score on each kind of neuron, mean over conditions."""
    rows = [(row, pair, final) for row in standings.rows for pair, final in _scores_of(row)]
    families = tuple(dict.fromkeys(_family(neuron) for _, (neuron, _), _ in rows))
    table = [["optimizer", *families]]
    for name in standings.optimizers:
        cells = [name]
        for family in families:
            finals = [
                final
                for row, (neuron, _), final in rows
                if row.optimizer == name and _family(neuron) == family
            ]
            cells.append(f"{sum(finals) / len(finals):.2f}" if finals else NOT_RUN)
        table.append(cells)
    return table


def as_text(table: Table) -> str:
    """Return the table in columns, for a terminal."""
    widths = [max(len(row[k]) for row in table) for k in range(len(table[0]))]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *_right(row[1:], widths[1:])]).rstrip() for row in table
    )


def as_markdown(table: Table) -> str:
    """Return the table in Markdown, for a page."""
    head, *rows = table
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, rule, *rows])


def with_printed(page: str, printed: Mapping[str, str]) -> str:
    """Return the page with each block between `<!-- printed: NAME -->` and `<!-- end -->` anew.

    Raises:
        KeyError: `printed` lacks a block of the page.

    """
    return _BLOCK.sub(lambda block: f"{block[1]}{printed[block[2]]}\n{block[3]}", page)


def _scores_of(row: Row) -> list[tuple[Pair, float]]:
    return list(zip(row.pairs, row.finals, strict=True))


def _family(neuron: str) -> str:
    return neuron.rpartition("-")[0].replace("_", " ")


def _right(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [cell.rjust(width) for cell, width in zip(cells, widths, strict=True)]


def _table(standings: Standings, cell: Callable[[Row], str]) -> Table:
    table = [["optimizer", *standings.conditions]]
    for name in standings.optimizers:
        rows = [standings.row(name, condition) for condition in standings.conditions]
        table.append([name, *(NOT_RUN if row is None else cell(row) for row in rows)])
    return table


def _score(estimate: Estimate, n_pairs: int) -> str:
    half = (estimate.high - estimate.low) / 2
    return f"{estimate.mean:.2f}" + (f" ± {half:.2f}" if n_pairs >= _FEWEST_PAIRS else "")


def _difference(estimate: Estimate | None) -> str:
    if estimate is None:
        return NOT_RUN
    return f"{estimate.mean:+.2f} [{estimate.low:+.2f}, {estimate.high:+.2f}]"


def _presentations(estimate: Estimate | None) -> str:
    if estimate is None:
        return NOT_RUN
    return f"{_count(estimate.mean)} [{_count(estimate.low)}, {_count(estimate.high)}]"


def _count(presentations: float) -> str:
    return "never" if math.isinf(presentations) else f"{presentations:.0f}"


def _change(base: Row, row: Row) -> str:
    lost = change(base, row)
    return f"{100 * lost.mean:+.0f} % [{100 * lost.low:+.0f}, {100 * lost.high:+.0f}]"
