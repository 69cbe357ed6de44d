"""Commands that are imported when somebody asks for them, and not before.

`neuroloop status` must not wait for what only the benchmark needs (decision 0049). Which command
stands in which module is in `controller.cli.app`; what a command does is in that module.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup


def group_of(modules: Mapping[str, str]) -> type[TyperGroup]:
    """Return a group whose commands stand in modules of `controller.cli`, by command.

    Each module has a function `add_to`, which adds its commands to an app.
    """

    class CommandsWhenAsked(TyperGroup):
        """Shows all commands in its help, and imports the one that is run."""

        def __init__(self, **settings: Any) -> None:
            super().__init__(**settings)
            # Commands can only be looked up there: typer asks for more, but adds none itself.
            self.commands = Commands(modules)  # type: ignore[assignment]

    return CommandsWhenAsked


class Commands(Mapping[str, Any]):
    """Commands by name; one is imported when it is looked up."""

    def __init__(self, modules: Mapping[str, str]) -> None:
        self._modules = dict(modules)
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            self._loaded |= commands_of(self._modules[name])
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)


def commands_of(module: str) -> dict[str, Any]:
    """Return the commands that a module of `controller.cli` adds, by name."""
    # Its callback makes it a group, also with a single command.
    part = typer.Typer(callback=lambda: None, rich_markup_mode=None)
    import_module(f"controller.cli.{module}").add_to(part)
    group = typer.main.get_command(part)
    assert isinstance(group, TyperGroup)  # noqa: S101 - made one above
    return dict(group.commands)
