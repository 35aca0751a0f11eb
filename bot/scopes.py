"""Whose agent it is (pure). This one function serves messages, commands, buttons, reactions and timers."""

from adapters.ports import Origin


def scope_of(origin: Origin) -> str:
    """The scope that an origin belongs to.

    `discord:dm:<user>`, `slack:dm:<team>/<user>`, `console:dm:<name>`, and for what many people see
    `discord:channel:<guild>/<channel>`, `slack:channel:<team>/<channel>`. A thread shares its channel's scope.
    """
    platform = origin.address.platform
    # A Discord person is the same everywhere, a Slack one only within a team.
    space = origin.space if origin.space is not None and not (platform == "discord" and origin.is_direct) else None
    owner = origin.person.id if origin.is_direct else origin.address.channel
    return f"{platform}:{'dm' if origin.is_direct else 'channel'}:{f'{space}/' if space else ''}{owner}"


def console_scope(name: str) -> str:
    """The scope of a console agent, by its name."""
    return f"console:dm:{name}"
