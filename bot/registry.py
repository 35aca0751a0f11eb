"""Tools and commands are functions with a decorator; a folder is walked to find them, so adding one is one file."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any, TypeVar, overload

from pydantic import BaseModel, ConfigDict, Field, create_model

from adapters.ports.commands import CommandReply, CommandSpec
from adapters.ports.model import ToolSchema
from bot.slash.permissions import For
from bot.slash.question import Question

ToolFunction = Callable[..., Awaitable[Mapping[str, Any] | None]]
CommandFunction = Callable[..., Awaitable[str | CommandReply | Question]]
SuggestFunction = Callable[..., Awaitable[Sequence[str]]]
ConcernsFunction = Callable[..., Awaitable[str]]
KnowsFunction = Callable[..., Awaitable[str | None]]
Registered = TypeVar("Registered", "Tool", "Command")


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may call; `arguments` checks what it sends."""

    schema: ToolSchema
    arguments: type[BaseModel]
    run: ToolFunction


@dataclass(frozen=True, slots=True)
class Command:
    """A slash command: `/agent <name> <argument>`, or `/agent <group> <name> <argument>`.

    Attributes:
        path: its name, or its group and its name.
        description: one line.
        argument: what it is given; None for one that takes nothing.
        is_optional: whether that may be left out.
        run: what is done.
        may: whom it is for.
        choices: where these are given, the argument is one of them.
        suggest: of a context, what the argument may be.
        asks: the question that the argument answers, where a form may ask for it.
        concerns: of a context and an argument, the scope that it is about; without it, that in which it is given.
        knows: of a context and an argument, the one of known words that it is, or None.
    """

    path: tuple[str, ...]
    description: str
    argument: str | None
    is_optional: bool
    run: CommandFunction
    may: For = For.EVERYBODY
    choices: tuple[str, ...] = ()
    suggest: SuggestFunction | None = None
    asks: str | None = None
    concerns: ConcernsFunction | None = None
    knows: KnowsFunction | None = None

    @property
    def name(self) -> str:
        """How it is typed."""
        return " ".join(self.path)

    @property
    def spec(self) -> CommandSpec:
        """As a platform lists it."""
        return CommandSpec(
            self.path,
            self.description,
            self.argument,
            self.is_optional,
            self.choices,
            suggests=self.suggest is not None,
            asks=self.asks,
        )


def tool(function: ToolFunction) -> Tool:
    """Make a tool of `async def name(context, …) -> mapping | None`.

    The docstring is what the model reads: its text describes the tool, its `Args` the arguments. Every tool also
    takes `request_heartbeat`.
    """
    description, described = _read_docstring(function)
    fields: dict[str, Any] = {}
    for name, parameter in list(inspect.signature(function).parameters.items())[1:]:
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[name] = (parameter.annotation, Field(default, description=described[name]))
    heartbeat = Field(False, description="true: run me again at once")
    model: type[BaseModel] = create_model(
        function.__name__,
        __config__=ConfigDict(extra="ignore"),
        **fields,
        request_heartbeat=(bool, heartbeat),
    )
    schema = model.model_json_schema()
    parameters = {
        "type": "object",
        "properties": {name: _plain(of) for name, of in schema["properties"].items()},
        "required": [*schema.get("required", ()), "request_heartbeat"],
    }
    return Tool(ToolSchema(function.__name__, description, parameters), model, function)


@overload
def command(function: CommandFunction) -> Command: ...
@overload
def command(
    *,
    may: For = ...,
    choices: Sequence[str] = ...,
    suggest: SuggestFunction | None = ...,
    asks: str | None = ...,
    concerns: ConcernsFunction | None = ...,
    knows: KnowsFunction | None = ...,
) -> Callable[[CommandFunction], Command]: ...
def command(
    function: CommandFunction | None = None,
    *,
    may: For = For.EVERYBODY,
    choices: Sequence[str] = (),
    suggest: SuggestFunction | None = None,
    asks: str | None = None,
    concerns: ConcernsFunction | None = None,
    knows: KnowsFunction | None = None,
) -> Command | Callable[[CommandFunction], Command]:
    """Make a command of `async def name(context)` or `async def name(context, argument: str)`.

    An argument with a default may be left out. The first line of the docstring is the command's help.

    Args:
        function: what it does.
        may: whom it is for.
        choices: all that the argument may be.
        suggest: `async def suggest(context)`: what the argument may be, among other things; the likeliest first.
        asks: the question that the argument answers; where there are forms, whoever leaves it out is asked.
        concerns: `async def concerns(context, argument)`: the scope that it is about, for the audit of who did what.
        knows: `async def knows(context, argument)`: the known word that it is, for the same; None if it is none.
    """

    def made(function: CommandFunction) -> Command:
        parameter = next(iter(list(inspect.signature(function).parameters.values())[1:]), None)
        return Command(
            (function.__name__.replace("_", "-"),),
            (inspect.getdoc(function) or "").partition("\n")[0].rstrip("."),
            parameter.name if parameter else None,
            parameter is not None and parameter.default is not parameter.empty,
            function,
            may,
            tuple(choices),
            suggest,
            asks,
            concerns,
            knows,
        )

    return made if function is None else made(function)


def discover(package: ModuleType, kind: type[Registered]) -> dict[str, Registered]:
    """Every tool (or command) that the modules of a package define, by name.

    A package within it is a group of commands: `bot/commands/admin/mode.py` has `/agent admin mode`.

    Raises:
        ValueError: two of one name.
    """
    found: dict[str, Registered] = {}
    for value in _values(package):
        if not isinstance(value, kind):
            continue
        name = value.schema.name if isinstance(value, Tool) else value.name
        if found.get(name, value) != value:
            raise ValueError(f"two of the name {name!r} in {package.__name__}")
        found[name] = value
    return found


def _values(package: ModuleType) -> Iterator[Any]:
    """Everything that the modules of a package name; commands of a package within it are of that group."""
    for module_info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{module_info.name}")
        if module_info.ispkg:
            for value in _values(module):
                is_command = isinstance(value, Command)
                yield replace(value, path=(module_info.name, *value.path)) if is_command else value
        yield from vars(module).values()


def _read_docstring(function: Callable[..., Any]) -> tuple[str, dict[str, str]]:
    text, _, arguments = (inspect.getdoc(function) or "").partition("\nArgs:\n")
    described = re.findall(r"^ {4}(\w+): (.+(?:\n {5,}.+)*)", arguments, re.MULTILINE)
    return " ".join(text.split()), {name: " ".join(about.split()) for name, about in described}


def _plain(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A property without what only costs tokens: titles, and the null of optional arguments."""
    options: Sequence[Mapping[str, Any]] = schema.get("anyOf", ())
    kept = {key: value for key, value in schema.items() if key not in ("title", "default", "anyOf")}
    for option in options:
        if option.get("type") != "null":
            kept |= option
    return kept
