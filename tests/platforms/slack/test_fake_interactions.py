"""Commands, shortcuts, buttons, forms and the app's Home of the fake Slack, with an unmodified slack-bolt."""

from typing import Any

import pytest
from slack_sdk.errors import SlackApiError

from tests.platforms.slack.echo_bot import Bot
from tests.platforms.slack.interactions import opened
from tests.platforms.slack.world import World

Json = dict[str, Any]


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def button(label: str, **more: Any) -> Json:
    return {"type": "button", "text": plain(label), "action_id": label.lower(), **more}


def actions(*elements: Json) -> Json:
    return {"type": "actions", "block_id": "a", "elements": list(elements)}


def form(*blocks: Json, **more: Any) -> Json:
    return (
        {"type": "modal", "callback_id": "form", "title": plain("Notes"), "submit": plain("Save")}
        | more
        | {"blocks": list(blocks)}
    )


def field(label: str, **more: Any) -> Json:
    element = {"type": "plain_text_input", "action_id": "typed"} | more
    return {"type": "input", "block_id": label.lower(), "label": plain(label), "element": element}


# ── commands ─────────────────────────────────────────────────────────────────────────────────────────


async def test_a_command_is_answered_privately_or_for_all(world: World, bot: Bot) -> None:
    @bot.app.command("/agent")
    async def agent(ack: Any, command: Json, respond: Any) -> None:
        await ack(f"{command['text']} in {command['channel_name']}")
        await respond("later", response_type="in_channel")

    asked = await world.answered(await world.slash(world.ada, world.general, "/agent status"))
    await world.until(lambda: len(asked.answers) == 2)

    assert {it.text for it in asked.answers if it.visible_to is world.ada} == {"status in general"}
    assert world.transcript(world.general, world.bob) == "Memo: later"
    direct = await world.answered(await world.slash(world.ada, world.dm(world.ada), "/agent help"))
    await world.until(lambda: len(direct.answers) == 2)
    assert "help in directmessage" in [it.text for it in direct.answers]


async def test_an_address_serves_five_times_and_half_an_hour(world: World, bot: Bot) -> None:
    @bot.app.command("/agent")
    async def agent(ack: Any, respond: Any) -> None:
        await ack()
        for number in range(6):
            await respond(str(number))

    asked = await world.slash(world.ada, world.general, "/agent")
    await world.until(lambda: len(world.responses) == 6)
    assert [it.status for it in world.responses] == [200] * 5 + [404]
    assert len(asked.answers) == 5


async def test_who_gets_no_answer_is_told_so(world: World) -> None:
    asked = await world.slash(world.ada, world.general, "/agent")
    assert not world.sees_failure(asked)
    world.clock.advance(3.1)

    assert world.sees_failure(asked)


async def test_an_error_or_a_cut_befalls_an_address(world: World, bot: Bot) -> None:
    @bot.app.command("/agent")
    async def agent(ack: Any, respond: Any) -> None:
        await ack()
        await respond("once")
        await respond("twice")

    world.faults.fail("response_url", 500)
    asked = await world.answered(await world.slash(world.ada, world.general, "/agent"))

    assert [it.text for it in asked.answers] == ["twice"]
    assert [it.status for it in world.responses] == [500, 200]


# ── shortcuts and buttons ────────────────────────────────────────────────────────────────────────────


async def test_a_shortcut_brings_its_message(world: World, bot: Bot) -> None:
    @bot.app.shortcut("remember")
    async def remember(ack: Any, shortcut: Json, respond: Any) -> None:
        await ack()
        await respond(f"I keep: {shortcut['message']['text']}")

    message = await world.says(world.bob, world.general, "tea at five")
    asked = await world.answered(await world.uses_on(world.ada, message, "remember"))

    assert [(it.text, it.visible_to) for it in asked.answers] == [("I keep: tea at five", world.ada)]


async def test_a_button_changes_its_message_or_takes_it_away(world: World, bot: Bot) -> None:
    @bot.app.action("yes")
    async def yes(ack: Any, action: Json, body: Json, respond: Any) -> None:
        await ack()
        await respond(f"{action['value']} by {body['user']['username']}", replace_original=True)

    @bot.app.action("no")
    async def no(ack: Any, respond: Any) -> None:
        await ack()
        await respond(delete_original=True)

    blocks = [{"type": "section", "text": plain("Sure?")}, actions(button("Yes", value="forgotten"), button("No"))]
    for _ in range(2):
        await bot.client.chat_postMessage(channel=world.general.id, text="Sure?", blocks=blocks)
    first, second = world.general.messages.values()
    assert world.transcript(world.general) == "\n".join(["Memo: Sure?", "    [Yes] [No]"] * 2)
    await world.clicks(world.ada, first, "Yes")
    await world.clicks(world.ada, second, "No")
    await world.until(lambda: first.edited_ts and second.is_deleted)

    assert first.text == "forgotten by ada"


async def test_a_button_that_only_one_person_sees(world: World, bot: Bot) -> None:
    seen: list[Json] = []

    @bot.app.command("/agent")
    async def agent(ack: Any) -> None:
        await ack(text="Sure?", blocks=[actions(button("Yes"))])

    @bot.app.action("yes")
    async def yes(ack: Any, body: Json, respond: Any) -> None:
        await ack()
        seen.append(body)
        await respond("Done", replace_original=True)

    asked = await world.answered(await world.slash(world.ada, world.general, "/agent reset"))
    await world.clicks(world.ada, asked.answers[0], "Yes")
    await world.until(lambda: asked.answers[0].text == "Done")

    assert (seen[0]["container"]["is_ephemeral"], "message" in seen[0]) == (True, False)
    with pytest.raises(AssertionError, match="Bob does not see"):
        await world.clicks(world.bob, asked.answers[0], "Yes")


# ── forms ────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_form_is_opened_corrected_and_sent(world: World, bot: Bot) -> None:
    @bot.app.command("/agent")
    async def agent(ack: Any, command: Json) -> None:
        await ack()
        view = form(field("Text", initial_value="old"), private_metadata="7")
        await bot.client.views_open(trigger_id=command["trigger_id"], view=view)

    @bot.app.view("form")
    async def save(ack: Any, view: Json) -> None:
        text = view["state"]["values"]["text"]["typed"]["value"]
        if text == "bad":
            await ack(response_action="errors", errors={"text": "No such word"})
        else:
            await ack()
            await bot.client.chat_postMessage(channel=world.general.id, text=f"{text} {view['private_metadata']}")

    asked = await world.answered(await world.slash(world.ada, world.general, "/agent edit"))
    assert world.shown(opened(asked)) == "── Notes ──\nText: <old>\n[Save]"
    wrong = await world.answered(await world.submits(asked, {"Text": "bad"}))
    assert wrong.errors == {"text": "No such word"}
    assert opened(asked).is_open
    await world.submits(asked, {"Text": "new"})
    await world.hears(world.general)
    await world.until(lambda: not asked.views[0].is_open)

    assert world.transcript(world.general) == "Memo: new 7"


async def test_a_form_follows_another(world: World, bot: Bot) -> None:
    closed: list[Json] = []

    @bot.app.shortcut("notes")
    async def notes(ack: Any, shortcut: Json) -> None:
        await ack()
        await bot.client.views_open(trigger_id=shortcut["trigger_id"], view=form(actions(button("More"))))

    @bot.app.action("more")
    async def more(ack: Any, body: Json) -> None:
        await ack()
        view = form(field("Name"), callback_id="second", notify_on_close=True)
        await bot.client.views_push(trigger_id=body["trigger_id"], view=view)

    @bot.app.view("second")
    async def second(ack: Any, view: Json) -> None:
        await ack(response_action="update", view=form(field("Again"), callback_id="third", notify_on_close=True))

    @bot.app.view_closed("third")
    async def on_closed(ack: Any, view: Json) -> None:
        await ack()
        closed.append(view)
        world.stir()

    asked = await world.answered(await world.uses(world.ada, "notes"))
    pushed = await world.answered(await world.clicks(world.ada, opened(asked), "More"))
    assert pushed.views[0].previous_id == asked.views[0].id
    updated = await world.answered(await world.submits(pushed, {"Name": "x"}))
    await world.closes(updated)
    await world.until(lambda: closed)

    assert closed[0]["id"] == pushed.views[0].id
    with pytest.raises(AssertionError, match="no form"):
        await world.submits(updated)


async def test_a_trigger_opens_one_form_soon(world: World, bot: Bot) -> None:
    async def refusal(trigger_id: str) -> str:
        with pytest.raises(SlackApiError) as caught:
            await bot.client.views_open(trigger_id=trigger_id, view=form(field("Text")))
        return str(caught.value.response["error"])

    @bot.app.command("/agent")
    async def agent(ack: Any) -> None:
        await ack()

    first = await world.slash(world.ada, world.general, "/agent")
    await bot.client.views_open(trigger_id=first.key, view=form(field("Text")))
    late = await world.slash(world.ada, world.general, "/agent")
    world.clock.advance(3.1)

    assert await refusal(first.key) == "expired_trigger_id"
    assert await refusal(late.key) == "expired_trigger_id"
    again = await world.slash(world.ada, world.general, "/agent")
    await bot.client.views_open(trigger_id=again.key, view=form(field("Text")))
    assert await refusal(again.key) == "exchanged_trigger_id"
    assert await refusal("nonsense") == "invalid_trigger_id"


# ── the app's Home and threads ───────────────────────────────────────────────────────────────────────


async def test_home_is_published_and_used(world: World, bot: Bot) -> None:
    @bot.app.action("forget")
    async def forget(ack: Any, body: Json) -> None:
        await ack()
        view = {"type": "home", "blocks": [{"type": "section", "text": plain("Nothing")}]}
        await bot.client.views_publish(user_id=body["user"]["id"], view=view, hash=body["view"]["hash"])

    await world.opens_home(world.ada)
    await world.until(lambda: bot.heard("app_home_opened"))
    home = {"type": "home", "blocks": [actions(button("Forget", value="1"))]}
    published = await bot.client.views_publish(user_id=world.ada.id, view=home)
    shown = world.home(world.ada).hash
    await world.clicks(world.ada, world.home(world.ada), "Forget")
    after = await world.sees_home(world.ada, after=shown)

    assert after.body["blocks"][0]["text"]["text"] == "Nothing"
    await world.opens_home(world.ada, "messages")
    await world.opens_home(world.ada)
    await world.until(lambda: len(bot.heard("app_home_opened")) == 3)
    first, second, third = bot.heard("app_home_opened")
    assert (first["tab"], second["tab"], "view" in first, "view" in second) == ("home", "messages", False, False)
    assert third["view"]["id"] == published["view"]["id"]
    with pytest.raises(SlackApiError, match="hash_conflict"):
        await bot.client.views_publish(user_id=world.ada.id, view=home, hash=shown)


async def test_work_is_shown_in_threads(world: World, bot: Bot) -> None:
    bot.silent = True
    first = await world.says(world.ada, world.dm(world.ada), "hello")
    place = {"channel_id": world.dm(world.ada).id, "thread_ts": first.ts}
    await bot.client.assistant_threads_setStatus(**place, status="is thinking…", loading_messages=["a", "b"])
    await bot.client.assistant_threads_setTitle(**place, title="Greetings")
    prompt = {"title": "Hello", "message": "Say hello"}
    await bot.client.assistant_threads_setSuggestedPrompts(channel_id=place["channel_id"], prompts=[prompt])

    assert [(it.text, it.loading_messages) for it in world.state.statuses] == [("is thinking…", ("a", "b"))]
    assert world.state.titles == {(world.dm(world.ada).id, first.ts): "Greetings"}
    assert world.state.prompts[0]["prompts"] == [prompt]
    assert world.status_in(first) == "is thinking…"
    await bot.client.chat_postMessage(channel=place["channel_id"], thread_ts=first.ts, text="hi")
    assert world.status_in(first) == ""
    world.state.missing_methods.add("assistant.*")
    with pytest.raises(SlackApiError, match="unknown_method"):
        await bot.client.assistant_threads_setStatus(**place, status="")
    assert world.unknown_methods == []
