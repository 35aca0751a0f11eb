"""What people who watch their agent are shown of its steps."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ToolReport:
    """A tool call and what came of it, for people who watch their agent work."""

    name: str
    arguments: str
    result: str


@dataclass(frozen=True, slots=True)
class StepReport:
    """What an agent thought and did in one step."""

    thoughts: str | None
    tools: tuple[ToolReport, ...]
