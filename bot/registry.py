"""Tools and commands are functions with a decorator; a folder is walked to find them, so adding one is one file."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, create_model

from adapters.ports import ToolSchema

ToolFunction = Callable[..., Awaitable[Mapping[str, Any] | None]]
CommandFunction = Callable[..., Awaitable[str]]
Registered = TypeVar("Registered", "Tool", "Command")


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may call; `arguments` checks what it sends."""

    schema: ToolSchema
    arguments: type[BaseModel]
    run: ToolFunction


@dataclass(frozen=True, slots=True)
class Command:
    """A slash command: `/agent <name> <argument>`; `argument` is None for one that takes none."""

    name: str
    description: str
    argument: str | None
    run: CommandFunction


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


def command(function: CommandFunction) -> Command:
    """Make a command of `async def name(context)` or `async def name(context, argument: str)`.

    The first line of the docstring is its help.
    """
    parameters = list(inspect.signature(function).parameters)[1:]
    description = (inspect.getdoc(function) or "").partition("\n")[0].rstrip(".")
    return Command(function.__name__, description, parameters[0] if parameters else None, function)


def discover(package: ModuleType, kind: type[Registered]) -> dict[str, Registered]:
    """Every tool (or command) that the modules of a package define, by name.

    Raises:
        ValueError: two of one name.
    """
    found: dict[str, Registered] = {}
    for module_info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{module_info.name}")
        for value in vars(module).values():
            if not isinstance(value, kind):
                continue
            name = value.schema.name if isinstance(value, Tool) else value.name
            if found.get(name, value) is not value:
                raise ValueError(f"two of the name {name!r} in {package.__name__}")
            found[name] = value
    return found


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
