"""Whose agent it is (pure). This one function serves messages, commands, buttons, reactions and timers."""

from adapters.ports.messages import Origin


def scope_of(origin: Origin) -> str:
    """The scope that an origin belongs to.

    `discord:dm:<user>`, `slack:dm:<team>/<user>`, `console:dm:<name>`, and for what many people see
    `discord:channel:<guild>/<channel>`, `slack:channel:<team>/<channel>`. A thread shares its channel's scope.
    """
    platform = origin.address.platform
    if origin.is_direct:
        return f"{platform}:dm:{_person_within(origin)}"
    space = f"{origin.space}/" if origin.space is not None else ""
    return f"{platform}:channel:{space}{origin.address.channel}"


def person_of(origin: Origin) -> str:
    """The person behind an origin, wherever it was: `discord:<user>`, `slack:<team>/<user>`, `console:<name>`."""
    return f"{origin.address.platform}:{_person_within(origin)}"


def groups_of(origin: Origin) -> tuple[str, ...]:
    """Those whom one can let in or shut out together and to whom somebody belongs there, by their ids.

    `discord:server:<guild>`, `discord:channel:<guild>/<channel>`, `discord:role:<guild>/<role>`;
    `slack:workspace:<team>`, `slack:channel:<team>/<channel>`.
    """
    platform, space = origin.address.platform, origin.space
    if space is None:
        return ()
    places = [f"{platform}:{'workspace' if platform == 'slack' else 'server'}:{space}"]
    places += [] if origin.is_direct else [scope_of(origin)]
    return (*places, *(f"{platform}:role:{space}/{role}" for role in origin.roles))


def owner_of(scope: str) -> str | None:
    """The person whose direct scope it is, as `person_of` names them; None of a channel."""
    platform, kind, owner = scope.split(":", 2)
    return f"{platform}:{owner}" if kind == "dm" else None


def direct_scope(person: str) -> str:
    """The scope of a person's direct messages."""
    platform, _, owner = person.partition(":")
    return f"{platform}:dm:{owner}"


def console_scope(name: str) -> str:
    """The scope of a console agent, by its name."""
    return f"console:dm:{name}"


def _person_within(origin: Origin) -> str:
    # A Discord person is the same everywhere, a Slack one only within a team.
    space = None if origin.address.platform == "discord" else origin.space
    return f"{space}/{origin.person.id}" if space is not None else origin.person.id
