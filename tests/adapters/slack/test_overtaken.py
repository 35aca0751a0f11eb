"""Of a message that Slack tells late is kept what it says by then."""

from pathlib import Path

import pytest

from adapters.slack.overtaken import MOST_KNOWN, Overtaken
from tests.adapters.slack.test_changes import shown
from tests.platforms.serving import settled
from tests.platforms.slack.served import QuickPlatform, of_bot, serving
from tests.platforms.slack.world import World


@pytest.mark.parametrize("is_deleted", [False, True])
async def test_a_message_that_is_told_after_its_change_is_taken_as_it_is_now(
    world: World, tmp_path: Path, is_deleted: bool
) -> None:
    dm = world.dm(world.ada)
    async with serving(world, tmp_path, platform=QuickPlatform(world, over_http=True)) as served:
        url = world.deliveries.urls.pop("events_api")
        told = len(world.deliveries.all)
        message = await world.says(world.ada, dm, "the cat is called Zebedee")
        if is_deleted:
            await world.deletes(message)
        else:
            await world.edits(message, "the cat is called Rex")
            await world.edits(message, "the cat is called Orlando")
        for delivery in reversed(world.deliveries.all[told:]):
            assert (await world.posts(delivery, url)).status == 200
        world.deliveries.urls["events_api"] = url
        await settled(world)
        if not is_deleted:
            await world.hears(dm)
        asked = await world.says(world.ada, dm, "well?")
        await world.hears(dm, after=asked)
        assert "Zebedee" not in shown(served)
        assert "Rex" not in shown(served)
    said = [it.text.splitlines()[0] for it in of_bot(world, dm)]
    assert said == [*([] if is_deleted else ["You said: the cat is called Orlando"]), "You said: well?"]


def test_only_the_latest_changes_are_known() -> None:
    overtaken = Overtaken()
    for number in range(MOST_KNOWN + 1):
        overtaken.delete("C1", f"{number}.1")
        overtaken.edit("C2", {"ts": f"{number}.1", "text": "new", "edited": {"ts": f"{number}.2"}})
    old, new = {"ts": "0.1", "text": "old"}, {"ts": "5.1", "text": "old", "user": "U1"}
    assert overtaken.as_it_is("C1", old) == old
    assert overtaken.as_it_is("C1", new) is None
    assert overtaken.as_it_is("C2", old) == old
    assert overtaken.as_it_is("C2", new) == {"ts": "5.1", "text": "new", "user": "U1"}
    assert overtaken.as_it_is("C3", new) == new
