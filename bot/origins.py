"""Where something came from, as JSON for the journal and back; and where somebody is told something (pure)."""

from collections.abc import Mapping
from typing import Any

from adapters.ports.messages import Address, Origin, Person


def to_json(origin: Origin) -> dict[str, Any]:
    """An origin as it is written down."""
    address, person = origin.address, origin.person
    roles = {"roles": list(origin.roles)} if origin.roles else {}
    return roles | {
        "address": {"platform": address.platform, "channel": address.channel, "thread": address.thread},
        "person": {"id": person.id, "name": person.name},
        "is_direct": origin.is_direct,
        "space": origin.space,
    }


def of_json(written: Mapping[str, Any]) -> Origin:
    """The origin that was written down."""
    return Origin(
        address=Address(**written["address"]),
        person=Person(**written["person"]),
        is_direct=written["is_direct"],
        space=written["space"],
        roles=tuple(written.get("roles", ())),
    )


def directly(person: str) -> Origin:
    """The direct messages of a person, by the id that `bot.scopes.person_of` gives; their channel is not known."""
    platform, _, within = person.partition(":")
    space, _, id_ = within.rpartition("/")
    return Origin(Address(platform, ""), Person(id_, ""), is_direct=True, space=space or None)
