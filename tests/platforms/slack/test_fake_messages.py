"""Messages and places of the fake Slack are what an unmodified slack-bolt takes them for."""

from typing import Any
from unittest.mock import ANY

import pytest
from slack_sdk.errors import SlackApiError

from tests.platforms.slack.echo_bot import Bot
from tests.platforms.slack.things import Kind
from tests.platforms.slack.world import World, of_bot

KEY = {"event_type": "reply", "event_payload": {"key": "k"}}


async def refusal(call: Any) -> str:
    """The word with which a call is refused."""
    with pytest.raises(SlackApiError) as caught:
        await call
    return str(caught.value.response["error"])


def section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


# ── what people write ────────────────────────────────────────────────────────────────────────────────


async def test_a_mention_is_told_of_twice_and_answered(world: World, bot: Bot) -> None:
    asked = await world.says(world.ada, world.general, "hello", mentions=[world.bot])

    await world.hears(world.general, after=asked)
    await world.until(lambda: bot.heard("message"))

    assert world.transcript(world.general) == "Ada: @Memo hello\nMemo: echo: @Memo hello"
    (twin,), (message,) = bot.heard("app_mention"), bot.heard("message")
    assert twin["ts"] == message["ts"] == asked.ts
    assert (message["channel_type"], "channel_type" in twin) == ("channel", False)
    assert message["blocks"][0]["elements"][0]["elements"] == [
        {"type": "user", "user_id": world.bot.id},
        {"type": "text", "text": " hello"},
    ]


@pytest.mark.parametrize("mention_first", [False, True])
async def test_the_twins_come_in_either_order(world: World, mention_first: bool) -> None:
    await world.says(world.ada, world.general, "hello", mentions=[world.bot], mention_first=mention_first)

    told = [it.event["type"] for it in world.deliveries.all]
    assert told == (["app_mention", "message"] if mention_first else ["message", "app_mention"])
    assert len({it.payload["event_id"] for it in world.deliveries.all}) == 2


async def test_a_direct_message_reaches_the_bot(world: World, bot: Bot) -> None:
    asked = await world.says(world.ada, world.dm(world.ada), "a < b & c")
    await world.hears(world.dm(world.ada), after=asked)

    (message,) = bot.heard("message")
    assert (message["text"], message["user"], message["channel_type"]) == ("a &lt; b &amp; c", world.ada.id, "im")
    assert world.transcript(world.dm(world.ada)) == "Ada: a < b & c\nMemo: echo: a < b & c"


async def test_a_channel_without_the_bot_is_silent(world: World, bot: Bot) -> None:
    secret = world.channel("secret", world.ada, kind=Kind.PRIVATE)
    await world.says(world.ada, secret, "psst", mentions=[world.bot])
    await world.says(world.ada, world.group_dm(world.ada, world.bob), "all of you")
    await world.acknowledged()

    assert [it["channel_type"] for it in bot.heard("message")] == ["mpim"]
    assert await refusal(bot.client.conversations_info(channel=secret.id)) == "channel_not_found"


async def test_what_is_not_subscribed_to_is_not_told(world: World, bot: Bot) -> None:
    world.state.subscriptions -= {"message.channels"}
    world.state.scopes -= {"im:history"}
    await world.says(world.ada, world.general, "hello")
    await world.says(world.ada, world.dm(world.ada), "hello")

    assert world.deliveries.all == []


async def test_edits_deletions_and_previews_are_told(world: World, bot: Bot) -> None:
    message = await world.says(world.ada, world.general, "one")
    await world.edits(message, "one!")
    await world.unfurls(message, "A page")
    await world.deletes(message)
    await world.acknowledged()

    _, edited, unfurled, deleted = bot.heard("message")
    assert (edited["subtype"], edited["message"]["text"], edited["previous_message"]["text"]) == (
        "message_changed",
        "one!",
        "one",
    )
    assert edited["message"]["edited"]["user"] == world.ada.id
    assert (unfurled["message"]["text"], unfurled["previous_message"]["text"]) == ("one!", "one!")
    assert unfurled["message"]["attachments"][0]["title"] == "A page"
    assert (deleted["subtype"], deleted["deleted_ts"]) == ("message_deleted", message.ts)


async def test_an_edit_of_a_mention_is_told_as_a_mention_again(world: World) -> None:
    message = await world.says(world.ada, world.general, "hello", mentions=[world.bot])
    await world.edits(message, "hello!")
    await world.edits(message, "never mind", mentions=[])

    told = [(it.event["type"], it.event.get("subtype"), it.event.get("edited")) for it in world.deliveries.all]
    first, again = ("message", "message_changed", None), ("app_mention", None, {"user": world.ada.id, "ts": ANY})
    assert told == [("message", None, None), ("app_mention", None, None), first, again, first]


async def test_other_bots_and_people_of_elsewhere_are_told_as_such(world: World, bot: Bot) -> None:
    shared = world.channel("shared", world.ada, world.bot, is_shared=True)
    far = world.person("Far", shared, workspace=world.workspace("Elsewhere"))
    weather = world.person("Weather", shared, bot_id="B0WEATHER")
    await world.says(far, shared, "hello")
    await world.says(weather, shared, "rain")
    await world.says(weather, shared, "more rain", subtype="bot_message")
    await world.acknowledged()

    person, other, old = bot.heard("message")
    assert (person["user_team"], person["team"]) == (far.workspace.id, far.workspace.id)
    assert world.deliveries.all[0].payload["is_ext_shared_channel"]
    assert (other["bot_id"], other["app_id"], other["user"]) == ("B0WEATHER", "A0ANOTHER", weather.id)
    assert (old["subtype"], old["user"]) == ("bot_message", None)


async def test_the_first_message_of_a_thread_becomes_a_tombstone(world: World, bot: Bot) -> None:
    first = await world.says(world.ada, world.general, "one")
    await world.says(world.bob, world.general, "two", thread=first)
    await world.deletes(first)
    await world.acknowledged()

    *_, gone = bot.heard("message")
    assert gone["subtype"] == "message_changed"
    assert gone["message"]["subtype"] == "tombstone"
    replies = await bot.client.conversations_replies(channel=world.general.id, ts=first.ts)
    assert [it["text"] for it in replies["messages"]] == ["This message was deleted.", "two"]


async def test_a_broadcast_stands_in_thread_and_channel(world: World, bot: Bot) -> None:
    first = await world.says(world.ada, world.general, "one")
    await world.says(world.bob, world.general, "two", thread=first)
    await world.says(world.bob, world.general, "three", thread=first, broadcasts=True)
    await world.acknowledged()

    *_, reply, broadcast = bot.heard("message")
    assert (reply["thread_ts"], reply["parent_user_id"]) == (first.ts, world.ada.id)
    assert (broadcast["subtype"], broadcast["root"]["text"]) == ("thread_broadcast", "one")
    history = await bot.client.conversations_history(channel=world.general.id)
    assert [it["text"] for it in history["messages"]] == ["three", "one"]
    assert history["messages"][1]["reply_count"] == 2
    assert world.transcript(world.general) == "\n".join(
        ["Ada: one", "    Bob ↳: two", "    Bob ↳: three", "Bob (also in the channel): three"]
    )


async def test_people_come_go_and_react(world: World, bot: Bot) -> None:
    bot.silent = True
    carol = world.state.add_user("Carol")
    await world.joins(carol, world.general)
    message = await world.says(carol, world.general, "hi")
    await world.reacts(world.bob, message, "wave")
    await world.reacts(world.bob, message, "wave", adds=False)
    await world.kicks(world.general)
    await world.acknowledged()

    assert [it["user"] for it in bot.heard("member_joined_channel")] == [carol.id]
    assert [it["user"] for it in bot.heard("member_left_channel")] == [world.bot.id]
    assert [it["reaction"] for it in bot.heard("reaction_added") + bot.heard("reaction_removed")] == ["wave", "wave"]
    assert await refusal(bot.client.chat_postMessage(channel=world.general.id, text="?")) == "not_in_channel"


async def test_files_come_with_messages(world: World, bot: Bot) -> None:
    notes = world.file("notes.txt", b"tea at five", "text/plain")
    stub = world.file("far.txt", b"far", "text/plain", is_stub=True)
    await world.says(world.ada, world.general, "look", files=[notes, stub])
    await world.acknowledged()

    (message,) = bot.heard("message")
    assert (message["subtype"], message["files"][0]["size"]) == ("file_share", 11)
    assert message["files"][1]["file_access"] == "check_file_info"
    told = await bot.client.files_info(file=stub.id)
    assert told["file"]["name"] == "far.txt"
    assert world.transcript(world.general).splitlines()[1] == "    📎 notes.txt, 11 bytes"


# ── what the bot says ────────────────────────────────────────────────────────────────────────────────


async def test_metadata_is_told_to_who_asks_for_it(world: World, bot: Bot) -> None:
    posted = await bot.client.chat_postMessage(channel=world.general.id, text="hello", metadata=KEY)
    place = {"channel": world.general.id, "oldest": posted["ts"], "inclusive": True}

    asked = await bot.client.conversations_history(**place, include_all_metadata=True)
    not_asked = await bot.client.conversations_history(**place)
    assert asked["messages"][0]["metadata"] == KEY
    assert not_asked["messages"][0]["metadata"] == {"event_type": "reply"}
    assert await refusal(
        bot.client.chat_postMessage(channel=world.general.id, text="hello", metadata={"event_type": "x"})
    ) == ("invalid_metadata_format")


async def test_messages_are_changed_and_deleted_by_who_wrote_them(world: World, bot: Bot) -> None:
    theirs = await world.says(world.ada, world.general, "one")
    posted = await bot.client.chat_postMessage(channel=world.general.id, text="two", blocks=[section("*two*")])
    changed = await bot.client.chat_update(channel=world.general.id, ts=posted["ts"], text="2", blocks=[section("*2*")])
    assert changed["message"]["edited"]
    assert world.transcript(world.general) == "Ada: one\nMemo: *2* (edited)"
    await bot.client.api_call(
        "chat.update", json={"channel": world.general.id, "ts": posted["ts"], "blocks": [section("*II*")]}
    )
    assert [(it.text, it.blocks[0]["text"]["text"]) for it in of_bot(world, world.general)] == [("2", "*II*")]
    link = await bot.client.chat_getPermalink(channel=world.general.id, message_ts=posted["ts"])
    assert link["permalink"].startswith("https://book-club.slack.com/archives/C")
    await bot.client.chat_delete(channel=world.general.id, ts=posted["ts"])

    place = {"channel": world.general.id}
    assert await refusal(bot.client.chat_delete(**place, ts=posted["ts"])) == "message_not_found"
    assert await refusal(bot.client.chat_delete(**place, ts=theirs.ts)) == "cant_delete_message"
    assert await refusal(bot.client.chat_update(**place, ts=theirs.ts, text="?")) == "cant_update_message"


async def test_what_answers_a_message_that_is_gone_stands_in_the_channel(world: World, bot: Bot) -> None:
    first = await world.says(world.ada, world.general, "one")
    threaded = await bot.client.chat_postMessage(channel=world.general.id, text="two", thread_ts=first.ts)
    alone = await bot.client.chat_postMessage(channel=world.general.id, text="three", thread_ts="1.000001")

    assert threaded["message"]["thread_ts"] == first.ts
    assert "thread_ts" not in alone["message"]
    world.state.refuses_orphans = True
    late = bot.client.chat_postMessage(channel=world.general.id, text="four", thread_ts="1.000001")
    assert await refusal(late) == "thread_not_found"


async def test_what_only_one_person_sees_is_in_no_history(world: World, bot: Bot) -> None:
    await bot.client.chat_postEphemeral(channel=world.general.id, user=world.ada.id, text="psst")
    outside = world.state.add_user("Carol")

    assert world.transcript(world.general, world.ada) == "Memo (only Ada sees this): psst"
    assert world.transcript(world.general, world.bob) == ""
    assert not (await bot.client.conversations_history(channel=world.general.id))["messages"]
    call = bot.client.chat_postEphemeral(channel=world.general.id, user=outside.id, text="psst")
    assert await refusal(call) == "user_not_in_channel"


async def test_names_in_texts_and_blocks_notify(world: World, bot: Bot) -> None:
    for text in ("<!channel>", "fine", "<!subteam^S1>"):
        await bot.client.chat_postMessage(channel=world.general.id, text=text)
    await bot.client.chat_postMessage(channel=world.general.id, text="x", blocks=[section("<!here> <@U1>")])
    await bot.client.chat_postMessage(channel=world.general.id, text=world.ada.mention)

    said = list(world.general.messages.values())
    assert [it.pings_all for it in said] == [True, False, True, True, False]
    assert said[-1].pings == [world.ada]


async def test_reactions_are_set_once(world: World, bot: Bot) -> None:
    message = await world.says(world.ada, world.general, "one")
    place = {"channel": world.general.id, "timestamp": message.ts}
    await bot.client.reactions_add(**place, name="eyes")

    assert await refusal(bot.client.reactions_add(**place, name="eyes")) == "already_reacted"
    found = await bot.client.reactions_get(**place)
    assert found["message"]["reactions"] == [{"name": "eyes", "users": [world.bot.id], "count": 1}]
    await bot.client.reactions_remove(**place, name="eyes")
    assert await refusal(bot.client.reactions_remove(**place, name="eyes")) == "no_reaction"


async def test_a_file_of_the_bot_is_sent(world: World, bot: Bot) -> None:
    await bot.client.files_upload_v2(
        channel=world.general.id, filename="export.json", content="{}", initial_comment="Here it is"
    )

    assert world.transcript(world.general) == "Memo: Here it is\n    📎 export.json, 2 bytes"


# ── what is refused ──────────────────────────────────────────────────────────────────────────────────


async def test_places_refuse(world: World, bot: Bot) -> None:
    async def post(channel: str) -> str:
        return await refusal(bot.client.chat_postMessage(channel=channel, text="hello"))

    old = world.channel("old", world.bot, is_archived=True)
    other = world.channel("other", world.ada)
    assert await post("C0NOWHERE") == "channel_not_found"
    assert await post(old.id) == "is_archived"
    assert await post(other.id) == "not_in_channel"
    world.state.has_messages_tab = False
    assert await post(world.dm(world.ada).id) == "messages_tab_disabled"


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ({}, "no_text"),
        ({"text": " "}, "no_text"),
        ({"text": "x", "markdown_text": "x"}, "markdown_text_conflict"),
        ({"markdown_text": "x" * 12_001}, "msg_too_long"),
        ({"text": "x", "blocks": [section("x" * 3001)]}, "invalid_blocks"),
        ({"text": "x", "blocks": [section("x" * 2700)] * 5}, "msg_blocks_too_long"),
        ({"text": "x", "blocks": [{"type": "markdown", "text": "x" * 6001}] * 2}, "invalid_blocks"),
        ({"text": "x", "blocks": [{"type": "divider"}] * 51}, "invalid_blocks"),
        ({"text": "x", "blocks": [{"type": "nonsense"}]}, "invalid_blocks"),
        ({"text": "x", "blocks": ["nonsense"]}, "invalid_blocks_format"),
    ],
)
async def test_bad_messages_are_refused(world: World, bot: Bot, message: dict[str, Any], error: str) -> None:
    call = bot.client.api_call("chat.postMessage", json={"channel": world.general.id, **message})

    assert await refusal(call) == error


async def test_long_texts_are_cut_and_long_changes_refused(world: World, bot: Bot) -> None:
    posted = await bot.client.chat_postMessage(channel=world.general.id, text="x" * 50_000)
    changed = bot.client.chat_update(channel=world.general.id, ts=posted["ts"], text="y" * 4001)

    assert len(posted["message"]["text"]) == 40_000
    assert await refusal(changed) == "msg_too_long"


async def test_wrong_blocks_are_named(world: World, bot: Bot) -> None:
    button = {"type": "button", "text": {"type": "plain_text", "text": "x" * 76}}
    with pytest.raises(SlackApiError) as caught:
        await bot.client.chat_postMessage(
            channel=world.general.id, text="x", blocks=[{"type": "actions", "elements": [button]}]
        )

    assert caught.value.response["response_metadata"]["messages"] == [
        "[ERROR] must be less than 76 characters [json-pointer:/blocks/0/elements/text/text]"
    ]


# ── what is read ─────────────────────────────────────────────────────────────────────────────────────


async def test_a_history_is_read_page_by_page(world: World, bot: Bot) -> None:
    said = [await world.says(world.ada, world.general, str(number)) for number in range(5)]
    pages = [
        [it["text"] for it in page["messages"]]
        async for page in await bot.client.conversations_history(channel=world.general.id, limit=2)
    ]

    assert pages == [["4", "3"], ["2", "1"], ["0"]]
    place = {"channel": world.general.id, "oldest": said[1].ts, "latest": said[3].ts}
    inside = await bot.client.conversations_history(**place)
    around = await bot.client.conversations_history(**place, inclusive=True)
    assert [len(it["messages"]) for it in (inside, around)] == [1, 3]
    world.state.most_history = 3
    assert (await bot.client.conversations_history(channel=world.general.id))["has_more"]


async def test_a_thread_is_read_from_its_first_message(world: World, bot: Bot) -> None:
    first = await world.says(world.ada, world.general, "0")
    for number in range(1, 4):
        await world.says(world.bob, world.general, str(number), thread=first)
    pages = [
        [it["text"] for it in page["messages"]]
        async for page in await bot.client.conversations_replies(channel=world.general.id, ts=first.ts, limit=3)
    ]

    assert pages == [["0", "1", "2"], ["3"]]
    assert await refusal(bot.client.conversations_replies(channel=world.general.id, ts="1.0")) == "thread_not_found"


async def test_people_are_who_they_are(world: World, bot: Bot) -> None:
    guest = world.person("Gil", is_single_channel_guest=True)
    gone = world.person("Gone", is_deactivated=True)
    far = world.person("Far", workspace=world.workspace("Elsewhere"))
    found = {it["name"]: it for it in (await bot.client.users_list())["members"]}

    assert (found["ada"]["is_owner"], found["ada"]["is_admin"], found["bob"]["is_admin"]) == (True, True, False)
    assert (found["gil"]["is_restricted"], found["gil"]["is_ultra_restricted"]) == (True, True)
    assert (found["gone"]["deleted"], found["memo"]["is_bot"]) == (True, True)
    assert found["far"]["team_id"] == far.workspace.id != world.ada.workspace.id
    members = await bot.client.conversations_members(channel=world.general.id)
    assert {guest.id, gone.id} <= set(members["members"])
    assert await refusal(bot.client.users_info(user="U0NOBODY")) == "user_not_found"
    assert await refusal(bot.client.conversations_open(users=gone.id)) == "user_disabled"


async def test_the_bot_knows_where_it_is(world: World, bot: Bot) -> None:
    me = await bot.client.auth_test()
    opened = await bot.client.conversations_open(users=world.ada.id)
    world.channel("hidden", world.ada, kind=Kind.PRIVATE)
    listed = await bot.client.conversations_list(types="public_channel,private_channel,im")

    assert (me["team_id"], me["user_id"], me["bot_id"]) == (world.state.workspace.id, world.bot.id, world.bot.bot_id)
    assert "chat:write" in me.headers["x-oauth-scopes"]
    assert opened["channel"]["id"] == world.dm(world.ada).id
    assert [it["id"] for it in listed["channels"]] == [world.general.id, world.dm(world.ada).id]
    group = await bot.client.conversations_open(users=[world.ada.id, world.bob.id])
    assert group["channel"]["id"] == world.group_dm(world.ada, world.bob).id
    own = await bot.client.users_conversations(types="mpim")
    assert [it["id"] for it in own["channels"]] == [group["channel"]["id"]]
    assert (await bot.client.team_info())["team"]["domain"] == "book-club"
    assert (await bot.client.bots_info(bot=world.bot.bot_id))["bot"]["user_id"] == world.bot.id
    assert (await bot.client.api_test(foo="bar"))["args"]["foo"] == "bar"
