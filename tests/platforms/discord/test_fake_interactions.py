"""Commands, buttons and forms of the fake Discord work with an unmodified discord.py."""

import asyncio

import discord
import pytest
from discord import app_commands

from tests.platforms.discord.echo_bot import Bot
from tests.platforms.discord.things import Asked
from tests.platforms.discord.world import World


async def test_commands_are_registered_and_keep_their_ids(world: World, bot: Bot) -> None:
    group = app_commands.Group(name="agent", description="The agent")

    @group.command(description="How it is")
    async def status(interaction: discord.Interaction, of: int = 1) -> None:
        await interaction.response.send_message(f"well, {of}")

    bot.tree.add_command(group)
    (first,) = await bot.tree.sync()
    (second,) = await bot.tree.sync()
    (fetched,) = await bot.tree.fetch_commands()
    asked = await world.answered(await world.slash(world.ada, world.general, "agent status", of=3))

    assert first.id == second.id == fetched.id
    assert asked.original.content == "well, 3"
    assert world.transcript(world.general) == "Ada used /agent status of:3\nMemo: well, 3"
    with pytest.raises(AssertionError, match="has no start"):
        await world.slash(world.ada, world.general, "agent start")


async def test_a_command_is_put_off_then_answered_and_followed(world: World, bot: Bot) -> None:
    @bot.tree.command(description="Think")
    async def think(interaction: discord.Interaction) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        await seen.wait()
        await interaction.followup.send("first")
        await interaction.followup.send("second")
        await interaction.edit_original_response(content="first!")

    seen = asyncio.Event()
    await bot.tree.sync()
    asked = await world.slash(world.ada, world.general, "think")
    await world.until(lambda: asked.answer)
    assert world.transcript(world.general) == "Ada used /think\nMemo (only Ada sees this): … is thinking"
    seen.set()
    await world.until(lambda: asked.original.edited_at)

    assert world.transcript(world.general, world.bob) == "Memo: second"
    assert world.transcript(world.general, world.ada) == (
        "Ada used /think\nMemo (only Ada sees this): first! (edited)\nMemo: second"
    )


async def test_an_answer_is_due_in_three_seconds_and_once(world: World, bot: Bot) -> None:
    @bot.tree.command(description="Wait")
    async def wait(interaction: discord.Interaction) -> None:
        await go.wait()
        for _ in range(2):
            interaction.response._response_type = None
            try:
                await interaction.response.send_message("here")
            except discord.HTTPException as error:
                codes.append((error.status, error.code))
        done.set()

    codes: list[tuple[int, int]] = []
    go, done = asyncio.Event(), asyncio.Event()
    await bot.tree.sync()
    asked = await world.slash(world.ada, world.general, "wait")
    go.set()
    await done.wait()
    assert codes == [(400, 40060)]
    assert not world.sees_failure(asked)

    codes.clear(), go.clear(), done.clear()
    late = await world.slash(world.ada, world.general, "wait")
    world.clock.advance(3.1)
    go.set()
    await done.wait()
    assert codes == [(404, 10062)] * 2
    assert world.sees_failure(late)


async def test_options_are_completed_while_they_are_typed(world: World, bot: Bot) -> None:
    @bot.tree.command(description="Pick")
    async def pick(interaction: discord.Interaction, book: str) -> None: ...

    @pick.autocomplete("book")
    async def books(interaction: discord.Interaction, typed: str) -> list[app_commands.Choice[str]]:
        return [app_commands.Choice(name=name, value=name) for name in ("Emma", "Evelina") if name.startswith(typed)]

    await bot.tree.sync()

    assert await world.autocomplete(world.ada, world.general, "pick", "book", "E") == ["Emma", "Evelina"]
    assert await world.autocomplete(world.ada, world.general, "pick", "book", "Em") == ["Emma"]


class Feedback(discord.ui.Modal, title="Feedback"):
    name = discord.ui.TextInput(label="Name")
    text = discord.ui.Label(text="Text", component=discord.ui.TextInput(style=discord.TextStyle.paragraph))

    async def on_submit(self, interaction: discord.Interaction) -> None:
        await interaction.response.send_message(f"{self.name.value}: {self.text.component.value}", ephemeral=True)


class Question(discord.ui.View):
    @discord.ui.button(label="Form")
    async def form(self, interaction: discord.Interaction, button: discord.ui.Button) -> None:
        await interaction.response.send_modal(Feedback())

    @discord.ui.button(label="Done")
    async def done(self, interaction: discord.Interaction, button: discord.ui.Button) -> None:
        button.disabled = True
        await interaction.response.edit_message(content="Thanks", view=self)


async def test_a_button_opens_a_form_that_is_answered(world: World, bot: Bot) -> None:
    sent = await bot.get_channel(world.general.id).send("Well?", view=Question())
    message = world.general.messages[sent.id]
    opened = await world.answered(await world.clicks(world.ada, message, "Form"))
    assert opened.modal["title"] == "Feedback"
    await world.answered(await world.submits(opened, {"Name": "Ada", "Text": "good"}))
    await world.answered(await world.clicks(world.ada, message, "Done"))

    assert world.transcript(world.general) == (
        "Memo: Thanks (edited)\n    [Form] (Done)\nMemo (only Ada sees this): Ada: good"
    )
    with pytest.raises(AssertionError, match="cannot be pressed"):
        await world.clicks(world.ada, message, "Done")


async def test_a_command_in_the_menu_of_a_message(world: World, bot: Bot) -> None:
    @bot.tree.context_menu(name="Remember")
    async def remember(interaction: discord.Interaction, message: discord.Message) -> None:
        await interaction.response.send_message(f"kept: {message.content}", ephemeral=True)

    await bot.tree.sync()
    message = await world.says(world.bob, world.general, "tea at five")
    asked = await world.answered(await world.uses_on(world.ada, message, "Remember"))

    assert asked.original.content == "kept: tea at five"
    assert asked.asked is Asked.COMMAND


async def test_parts_of_the_second_version_are_seen(world: World, bot: Bot) -> None:
    view = discord.ui.LayoutView()
    view.add_item(discord.ui.Container(discord.ui.TextDisplay("# Title"), discord.ui.Separator()))
    await bot.get_channel(world.general.id).send(view=view)

    assert world.transcript(world.general) == "Memo:\n    # Title\n    ───"


async def test_a_list_is_chosen_from(world: World, bot: Bot) -> None:
    @discord.ui.select(placeholder="Which?", options=[discord.SelectOption(label=name) for name in ("Emma", "Evelina")])
    async def chosen(view: discord.ui.View, interaction: discord.Interaction, select: discord.ui.Select) -> None:
        await interaction.response.defer()
        await interaction.edit_original_response(content=select.values[0], view=None)

    view = type("Books", (discord.ui.View,), {"chosen": chosen})()
    sent = await bot.get_channel(world.general.id).send("Read", view=view)
    message = world.general.messages[sent.id]
    assert world.transcript(world.general) == "Memo: Read\n    <Which?>"
    await world.clicks(world.ada, message, view.children[0].custom_id, ["Emma"])
    await world.until(lambda: message.edited_at)

    assert world.transcript(world.general) == "Memo: Emma (edited)"


async def test_a_private_answer_is_changed_and_taken_away_by_its_token_alone(world: World, bot: Bot) -> None:
    @bot.tree.command(description="Whisper")
    async def whisper(interaction: discord.Interaction) -> None:
        kept.append(interaction)
        await interaction.response.send_message("psst", ephemeral=True)

    kept: list[discord.Interaction] = []
    await bot.tree.sync()
    asked = await world.answered(await world.slash(world.ada, world.general, "whisper"))
    with pytest.raises(discord.NotFound):
        await bot.get_channel(world.general.id).fetch_message(asked.original.id)
    await kept[0].edit_original_response(content="PSST")
    assert asked.original.content == "PSST"
    await kept[0].delete_original_response()
    world.clock.advance(16 * 60)
    with pytest.raises(discord.HTTPException) as late:
        await kept[0].followup.send("too late")

    assert world.transcript(world.general) == ""
    assert (late.value.status, late.value.code) == (401, 50027)
    assert not [it for it in bot.heard("message") if it.content == "psst"]


async def test_commands_are_offered_where_and_to_whom_they_are_meant(world: World, bot: Bot) -> None:
    @bot.tree.command(description="In private")
    @app_commands.allowed_contexts(guilds=False, dms=True)
    async def mine(interaction: discord.Interaction) -> None:
        await interaction.response.send_message(f"{interaction.user.name} {interaction.guild_id}")

    @bot.tree.command(description="For those in charge")
    @app_commands.default_permissions(manage_guild=True)
    async def setup(interaction: discord.Interaction, channel: discord.TextChannel, who: discord.User) -> None:
        may = interaction.permissions.manage_guild
        await interaction.response.send_message(f"{channel.name} {who.name} {may}")

    await bot.tree.sync()
    private = await world.answered(await world.slash(world.bob, world.dm(world.bob), "mine"))
    open_ = await world.answered(
        await world.slash(world.ada, world.general, "setup", channel=world.general, who=world.bob)
    )

    assert private.original.content == "bob None"
    assert open_.original.content == "general bob True"
    with pytest.raises(AssertionError, match="not offered here"):
        await world.slash(world.bob, world.general, "mine")
    with pytest.raises(AssertionError, match="Bob is not offered setup"):
        await world.slash(world.bob, world.general, "setup", channel=world.general, who=world.bob)


async def test_single_commands_are_changed_and_taken_away(world: World, bot: Bot) -> None:
    @bot.tree.command(description="Old")
    async def one(interaction: discord.Interaction) -> None: ...

    await bot.tree.sync()
    (registered,) = await bot.tree.fetch_commands()
    changed = await registered.edit(description="New")
    await changed.delete()

    assert changed.description == "New"
    assert await bot.tree.fetch_commands() == []


async def test_a_command_that_discord_would_not_take_is_refused(world: World, bot: Bot) -> None:
    @bot.tree.command(description="Good")
    async def good(interaction: discord.Interaction) -> None: ...

    good.description = "x" * 101
    with pytest.raises(app_commands.CommandSyncFailure) as caught:
        await bot.tree.sync()

    assert caught.value.code == 50035
