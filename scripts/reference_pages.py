#!/usr/bin/env python
"""Print the reference pages that say what the code says: config, cli, wire, states, log_format.

`scripts/docs` runs it; a test compares the pages with what it prints, so they cannot drift. The
words come from descriptions and docstrings in the code: to change a page, change those. What cannot
be read off the code stands in docs/explanation and is written by hand.
"""

import ast
import inspect
import json
import re
import typing
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import typer
from pydantic import BaseModel

from controller.bench.plans import tables as plan_tables
from controller.cli.app import app
from controller.cli.exits import Exit
from controller.cli.exits import __doc__ as exits_text
from controller.config import sharing, tables
from controller.config.optimizers import OPTIMIZER_TABLES, OptimizerBase
from controller.states import TRANSITIONS
from generators.registry import OWN, kinds_of
from rig_adapters.errors import Reason
from rig_adapters.registry import adapters
from rig_adapters.wire import animal, folders, messages
from rig_adapters.wire.codec import MAX_ARRAY_BYTES, MAX_FRAMES, MAX_HEADER_BYTES
from rig_adapters.wire.conversation import COMMON, FOLDERS, RIG, STIMULUS, Script
from rig_adapters.wire.messages import ArrayType, Message, Value
from sessions.schema_page import schema_markdown

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "reference"

SCRIPTS = (STIMULUS, RIG, FOLDERS)

CONFIG_TABLES: tuple[tuple[str, type[BaseModel]], ...] = (
    ("[session]", tables.SessionTable),
    ("[subject]", sharing.SubjectTable),
    ("[display]", tables.DisplayTable),
    ("[rig]", tables.RigTable),
    ("[behaviour], kind always", animal.AlwaysSettings),
    ("[behaviour], kind simulated", animal.SimulatedAnimalSettings),
    ("[behaviour], kind eye_tracker", animal.EyeTrackerSettings),
    ("[reward], kind none", animal.NoRewardSettings),
    ("[reward], kind simulated", animal.SimulatedRewardSettings),
    ("[reward], kind serial", animal.SerialRewardSettings),
    ("[reward], kind parallel", animal.ParallelRewardSettings),
    *((f"[generators.NAME], kind {', '.join(kinds_of(table))}", table) for table in OWN),
    ("[[threads]]", tables.ThreadTable),
    ("[threads.optimizer]", OptimizerBase),
    *((f"[threads.optimizer], kind {name}", table) for name, table in OPTIMIZER_TABLES.items()),
    ("[references]", tables.ReferencesTable),
    ("[scoring]", tables.ScoringTable),
    ("[stopping]", tables.StoppingTable),
    ("[supervision]", tables.SupervisionTable),
    ("[lab]", sharing.LabTable),
    ("[electrodes]", sharing.ElectrodesTable),
)


def config_page() -> str:
    """Return the page on the session's TOML file."""
    head = """\
# The session's TOML file

One file describes one session. `neuroloop init session.toml` writes a commented one,
`neuroloop validate session.toml` checks it, and `neuroloop schema` prints its JSON schema for
editors. Unknown keys are refused, with the nearest known key in the answer.

A key without a default must be set. What only you can decide (response window, baseline window,
driver units, geometry, timing) never has a default. Relative paths start at the folder in which
`neuroloop` is called. Any key can be overridden for one run: `--set scoring.repeats=2`, and in a
list by its place from 0: `--set threads.0.size_deg=3`.
"""
    every = (*CONFIG_TABLES, *_tables_of_adapters())
    return head + "".join(_config_table(title, model) for title, model in every)


def plan_page() -> str:
    """Return the page on the TOML file of a benchmark."""
    head = """\
# The plan of a benchmark

One file describes one benchmark: `neuroloop bench new plan.toml` writes a commented one, and
`neuroloop bench plan.toml` runs it. Unknown keys are refused. The tables of generators, optimizers
and neurons are those of [the session's file](config.md).
"""
    every = (
        ("[plan]", plan_tables.PlanHead),
        ("[[optimizers]]", plan_tables.OptimizerEntry),
        ("[[neurons]]", plan_tables.NeuronsEntry),
    )
    return head + "".join(_config_table(title, model) for title, model in every)


def _tables_of_adapters() -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield the settings of every adapter, and the tables in them once for all that have them."""
    within: dict[tuple[type[BaseModel], str], list[str]] = {}
    for name, adapter in adapters().items():
        if not adapter.module.startswith("rig_adapters."):
            # Of another package that happens to be installed here.
            continue
        yield f"[rig.settings], adapter {name}", adapter.settings
        for field, model in _tables_in(adapter.settings):
            having = within.setdefault((model, field), [])
            # A table that goes by several kinds is found once for each.
            having += [] if name in having else [name]
    for (model, field), names in within.items():
        kind = model.model_fields.get("kind")
        told = f", kind {', '.join(typing.get_args(kind.annotation))}" if kind else ""
        word = "adapter" if len(names) == 1 else "adapters"
        yield f"rig.settings.{field}{told}, {word} {', '.join(names)}", model


def _tables_in(model: type[BaseModel], before: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    for name, field in model.model_fields.items():
        for inner in _models_in(field.annotation):
            yield before + name, inner
            yield from _tables_in(inner, f"{before}{name}.")


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in typing.get_args(annotation) for found in _models_in(part)]


def _config_table(title: str, model: type[BaseModel]) -> str:
    schema = model.model_json_schema()
    # A table that may stand within itself is only referred to at the top.
    schema = schema.get("$defs", {}).get(schema.get("$ref", "").rpartition("/")[2], schema)
    described = any("description" in entry for entry in schema["properties"].values())
    columns = "| key | value | default |" + (" meaning |" if described else "")
    lines = [f"\n## {title}\n", _paragraphs(model), "", columns, "|---" * (3 + described) + "|"]
    for name, entry in schema["properties"].items():
        if _is_of_every_kind(name, model):
            continue
        cells = [f"`{name}`", _value(entry, schema), _default(name, model)]
        cells += [_one_line(entry.get("description", ""))] if described else []
        lines.append(_row(cells))
    return "\n".join(lines) + "\n"


def _is_of_every_kind(name: str, model: type[BaseModel]) -> bool:
    """Whether a key of an optimizer's table is told of in the table for every kind."""
    if model is OptimizerBase or not issubclass(model, OptimizerBase):
        return False
    common = OptimizerBase.model_fields.get(name)
    return common is not None and common.description == model.model_fields[name].description


def _value(entry: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """Return what a key takes, in words, from its JSON schema."""
    if "$ref" in entry or "discriminator" in entry or "oneOf" in entry:
        return "table, below"
    for words in ("enum", "const"):
        if words in entry:
            values = entry[words] if words == "enum" else [entry[words]]
            return " or ".join(f"`{json.dumps(value)}`" for value in values)
    if "anyOf" in entry:
        known = [option for option in entry["anyOf"] if option.get("type") != "null"]
        return " or ".join(_value(option, schema) for option in known)
    if entry.get("type") == "array":
        if "prefixItems" in entry:
            return "[" + ", ".join(_value(item, schema) for item in entry["prefixItems"]) + "]"
        return "list of " + _value(entry["items"], schema)
    names = {"integer": "whole number", "number": "number", "boolean": "`true` or `false`"}
    kind = names.get(entry.get("type", ""), "text" if entry.get("type") == "string" else "table")
    return kind + _limits(entry)


def _limits(entry: Mapping[str, Any]) -> str:
    words = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    found = [f"{sign} {entry[key]:.7g}" for key, sign in words.items() if key in entry]
    return "".join(f", {limit}" if number else f" {limit}" for number, limit in enumerate(found))


def _default(name: str, model: type[BaseModel]) -> str:
    field = model.model_fields[name]
    if field.is_required():
        return "must be set"
    default = field.get_default(call_default_factory=True)
    if isinstance(default, BaseModel):
        # What it says is in a table of its own.
        return "as below"
    if field.default_factory is not None and default:
        return f"{len(default)} of them"
    return "–" if default is None or default == {} else f"`{json.dumps(default, default=str)}`"


def cli_page() -> str:
    """Return the page on the command line."""
    root = typer.main.get_command(app)
    commands = dict(_commands(root))
    meanings = dict(re.findall(r"^(\d)  (.+)$", exits_text or "", re.MULTILINE))
    statuses = [_row([str(int(status)), meanings[str(int(status))]]) for status in Exit]
    head = f"""\
# The command line

{root.help}

Results go to standard output, everything else to standard error. `neuroloop COMMAND --help` says
the same as this page. A running session is found by itself; where several run, name one with
`--session`. A log is named by its file or by its folder.

## Exit statuses

| status | meaning |
|---|---|
"""
    return (
        head
        + "\n".join(statuses)
        + "\n"
        + "".join(_command(name, command) for name, command in commands.items())
    )


def _commands(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the commands of a group with their full names, and those of the groups in it."""
    for name, command in vars(group)["commands"].items():
        if "commands" in vars(command):
            yield from _commands(command, f"{before}{name} ")
        else:
            yield f"{before}{name}", command


def _command(name: str, command: Any) -> str:
    arguments = [p for p in command.params if type(p).__name__ == "TyperArgument"]
    usage = " ".join(["neuroloop", name, *(p.name.upper() for p in arguments)])
    options = " [OPTIONS]" if len(command.params) > len(arguments) else ""
    lines = [f"\n## {name}\n", f"    {usage}{options}\n", command.help, ""]
    lines += ["| name | meaning |", "|---|---|"] if command.params else []
    for parameter in command.params:
        name = ", ".join([*parameter.opts, *parameter.secondary_opts])
        if parameter in arguments:
            name = parameter.name.upper()
        elif not getattr(parameter, "is_flag", False):
            name += f" {parameter.metavar or 'VALUE'}"
        repeated = " Can be given several times." if parameter.multiple else ""
        lines.append(_row([f"`{name}`", _sentence(parameter.help) + repeated]))
    return "\n".join([*lines, *([""] if command.params else []), command.epilog]) + "\n"


def wire_page() -> str:
    """Return the page on messages and conversations."""
    head = f"""\
# The wire

The daemon talks to the stimulus process and to the rig adapter over ZeroMQ. The peers bind a ROUTER
socket, the daemon connects a DEALER. Where other machines can connect, both ends use CURVE, and the
peer admits only keys on its list. Protocol version {messages.PROTOCOL_VERSION}; both sides \
refuse another one.

A message is a list of frames:

    frame 0   neuroloop/{messages.PROTOCOL_VERSION}
    frame 1   JSON: {{"type": name, "body": {{…}}, "arrays": [[field, dtype, shape], …]}}
    frame 2…  the bytes of each array, C order, little endian

Commands are imperative, reports are past tense. Times are in seconds: `_host_s` on the monotonic
clock of the sender's machine, `_rig_s` on the acquisition clock. An array's type is given with its
number of dimensions.
Heartbeats (`Ping`, `Pong`) are allowed always. `Faulted` is allowed always from a peer, and after
it only the shutdown is left. The daemon may say `Shutdown` in any state.
"""
    parts = [_reasons()] + [_conversation(script) for script in SCRIPTS]
    parts.append("\n## Messages of every conversation\n" + _messages(COMMON))
    parts += [
        f"\n## Messages with the {script.peer}\n" + _messages(script.speakers) for script in SCRIPTS
    ]
    parts.append("\n## Parts of messages\n" + "".join(map(_message, _value_types())))
    return head + "".join(parts)


def _reasons() -> str:
    meanings = _attribute_docstrings(Reason)
    rows = [_row([reason.value, _one_line(meanings[reason.name])]) for reason in Reason]
    head = f"""
## Refusals

A message has at most {MAX_FRAMES} frames, a header of {MAX_HEADER_BYTES // 2**20} MiB and \
{MAX_ARRAY_BYTES // 2**20} MiB in each array, and no null character in its texts. What is refused is
counted under one of these reasons; see [Refusals](../explanation/refusals.md).

| reason | meaning |
|---|---|
"""
    return head + "\n".join(rows) + "\n"


def _conversation(script: Script) -> str:
    lines = [f"\n## Conversation with the {script.peer}\n"]
    lines += ["| state | message | said by | next state |", "|---|---|---|---|"]
    for state, ways in script.transitions.items():
        for message, following in ways.items():
            cells = [state, f"`{message.wire_name}`", script.speakers[message], following]
            lines.append(_row(cells))
    return "\n".join(lines) + "\n"


def _messages(speakers: Mapping[type[Message], str]) -> str:
    return "".join(_message(message, speaker) for message, speaker in speakers.items())


def _message(model: type[BaseModel], speaker: str = "") -> str:
    said = f" ({speaker})" if speaker else ""
    lines = [f"\n### {model.__name__}{said}\n", _paragraphs(model)]
    if model.model_fields:
        notes = _attribute_docstrings(model)
        lines += ["", "| field | type | meaning |", "|---|---|---|"]
        lines += [
            _row([f"`{name}`", _wire_type(name, model), notes.get(name, "")])
            for name in model.model_fields
        ]
    return "\n".join(lines) + "\n"


def _wire_type(name: str, model: type[BaseModel]) -> str:
    for mark in model.model_fields[name].metadata:
        if isinstance(mark, ArrayType):
            return f"{mark.dtype.name} array, {mark.ndim}-d"
    return _plain_type(typing.get_type_hints(model)[name])


def _plain_type(annotation: Any) -> str:
    """Return a type as it is written, without what pydantic knows beside it."""
    origin, inside = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return " or ".join(f"`{json.dumps(value)}`" for value in inside)
    if origin in (tuple, frozenset):
        kinds = [_plain_type(kind) for kind in inside if kind is not Ellipsis]
        listed = origin is tuple and Ellipsis not in inside
        return f"({', '.join(kinds)})" if listed else f"list of {kinds[0]}"
    if origin is dict:
        return "object"
    if inside:
        return " or ".join(map(_plain_type, inside))
    return "null" if annotation is type(None) else str(annotation.__name__)


def _value_types() -> Iterator[type[BaseModel]]:
    for module in (messages, folders):
        for item in vars(module).values():
            is_part = inspect.isclass(item) and issubclass(item, Value) and item is not Value
            # What a module takes from another one is told of there.
            is_own = is_part and item.__module__ in (module.__name__, animal.__name__)
            if is_own and not issubclass(item, Message):
                yield item


def _attribute_docstrings(model: type) -> dict[str, str]:
    """Return the string that stands below each field in the source."""
    lines = [line for part in ast.parse(inspect.getsource(model)).body for line in _body(part)]
    found = {}
    for field, after in pairwise(lines):
        name = field.target if isinstance(field, ast.AnnAssign) else None
        name = field.targets[0] if isinstance(field, ast.Assign) else name
        note = after.value if isinstance(after, ast.Expr) else None
        if isinstance(name, ast.Name) and isinstance(note, ast.Constant):
            found[name.id] = _one_line(str(note.value))
    return found


def _body(statement: ast.stmt) -> list[ast.stmt]:
    return statement.body if isinstance(statement, ast.ClassDef) else []


def states_page() -> str:
    """Return the page on the states of a session."""
    head = """\
# The states of a session

`neuroloop status` shows the state. A pause and a stop take effect at the end of the block, an abort
and a fault at once. A session that is `interrupted` goes on by itself once the process that was
lost is back; one that was given up is `paused`. A command that the table does not allow is refused
in one sentence and changes nothing. Both `finished` and `faulted` leave a closed log behind.

```mermaid
stateDiagram-v2
    [*] --> idle
"""
    arrows = [
        f"    {state} --> {following}: {event}"
        for state, ways in TRANSITIONS.items()
        for event, following in ways.items()
        if following is not state
    ]
    ends = ["    finished --> [*]", "    faulted --> [*]", "```", ""]
    rows = [
        _row([state, event, following])
        for state, ways in TRANSITIONS.items()
        for event, following in ways.items()
    ]
    table = ["| state | event | next state |", "|---|---|---|", *rows]
    return head + "\n".join([*arrows, *ends, *table]) + "\n"


def _paragraphs(model: type[BaseModel]) -> str:
    return inspect.cleandoc(model.__doc__ or "")


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _sentence(text: str) -> str:
    text = _one_line(text)
    return text if not text or text.endswith((".", "…")) else text + "."


PAGES: Mapping[str, Callable[[], str]] = {
    "config.md": config_page,
    "plan.md": plan_page,
    "cli.md": cli_page,
    "wire.md": wire_page,
    "states.md": states_page,
    "log_format.md": schema_markdown,
}
"""File name in docs/reference → what writes it."""


def main() -> None:
    """Write every page that has changed, and say which."""
    for name, write in PAGES.items():
        path, text = FOLDER / name, write()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path.relative_to(FOLDER.parents[1])}")


if __name__ == "__main__":
    main()
