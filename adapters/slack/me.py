"""Who the bot is in its workspace."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Me:
    """What Slack says of the bot's token (https://docs.slack.dev/reference/methods/auth.test).

    `team` is in every scope: whatever an event says of teams (a channel may be shared with others), people and channels
    are those that this workspace knows. `scopes` are what the token may do; none if Slack does not say.
    """

    team: str
    user: str
    bot: str
    name: str = ""
    team_name: str = ""
    scopes: frozenset[str] = frozenset()
    url: str = ""
    """The workspace's own address."""
