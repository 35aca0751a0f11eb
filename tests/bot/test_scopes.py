"""Whose agent an event belongs to."""

import pytest

from adapters.ports.messages import Address, Origin, Person
from bot.scopes import console_scope, direct_scope, owner_of, person_of, scope_of

ADA = Person("U1", "Ada")


def origin(
    platform: str, *, direct: bool, space: str | None, thread: str | None = None, person: Person = ADA
) -> Origin:
    return Origin(Address(platform, "C9", thread), person, is_direct=direct, space=space)


@pytest.mark.parametrize(
    ("where", "scope"),
    [
        (origin("discord", direct=True, space=None), "discord:dm:U1"),
        (origin("discord", direct=True, space="G1"), "discord:dm:U1"),
        (origin("discord", direct=False, space="G1"), "discord:channel:G1/C9"),
        (origin("slack", direct=True, space="T1"), "slack:dm:T1/U1"),
        (origin("slack", direct=False, space="T1"), "slack:channel:T1/C9"),
        (origin("slack", direct=False, space="T1", thread="17.5"), "slack:channel:T1/C9"),
        (origin("console", direct=True, space=None), console_scope("U1")),
    ],
)
def test_a_scope_follows_from_the_origin_alone(where: Origin, scope: str) -> None:
    assert scope_of(where) == scope


def test_a_display_name_is_no_part_of_a_scope() -> None:
    renamed = origin("slack", direct=True, space="T1", person=Person("U1", "slack:dm:T1/U2"))
    assert scope_of(renamed) == "slack:dm:T1/U1"


@pytest.mark.parametrize(
    ("where", "person"),
    [
        (origin("discord", direct=False, space="G1"), "discord:U1"),
        (origin("slack", direct=False, space="T1"), "slack:T1/U1"),
        (origin("console", direct=True, space=None), "console:U1"),
    ],
)
def test_a_person_is_the_same_in_channels_and_in_direct_messages(where: Origin, person: str) -> None:
    directly = Origin(where.address, where.person, is_direct=True, space=where.space)
    assert person_of(where) == person_of(directly) == person
    assert direct_scope(person) == scope_of(directly)
    assert owner_of(scope_of(directly)) == person


def test_a_channel_is_nobodys_own() -> None:
    assert owner_of("slack:channel:T1/C9") is None
