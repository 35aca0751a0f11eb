"""A person, by the names under which they stand in tables and files (pure)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Whose:
    """A person: `discord:<user>`, `slack:<team>/<user>`, `console:<name>`.

    A Discord person is the same everywhere, a Slack one only within a team.
    """

    person: str

    @property
    def platform(self) -> str:
        """Where they are."""
        return self.person.partition(":")[0]

    @property
    def space(self) -> str | None:
        """The team within which a Slack person is one."""
        return self._within.rpartition("/")[0] if self.platform == "slack" else None

    @property
    def author_id(self) -> str:
        """The platform's id of them, as messages, quotes and labels have it."""
        return self._within.rpartition("/")[2] if self.platform == "slack" else self._within

    @property
    def own_scope(self) -> str:
        """That of their direct messages."""
        return f"{self.platform}:dm:{self._within}"

    @property
    def channels(self) -> str:
        """What the scopes of all channels begin with in which they can be."""
        return f"{self.platform}:channel:{f'{self.space}/' if self.space is not None else ''}"

    @property
    def _within(self) -> str:
        return self.person.partition(":")[2]


def who_wrote(scope: str, author_id: str) -> str:
    """The person of that id in a scope."""
    platform, _, within = scope.split(":", 2)
    space = f"{within.rpartition('/')[0]}/" if platform == "slack" else ""
    return f"{platform}:{space}{author_id}"
