"""`load` for an agent that is not there yet: it is made as any other."""

from pathlib import Path

from bot.operator.load import load
from bot.operator.storage import open_database
from bot.testing import Clock, open_bot
from config.settings import load_settings
from memory.archival.documents import PRELOADED, Documents
from memory.core.agents import AgentStore


async def test_an_agent_that_a_load_makes_finds_what_every_agent_finds(tmp_path: Path) -> None:
    for name in ("pan", "kettle"):
        (tmp_path / f"{name}.md").write_text(f"The {name} is of copper.")
    data, clock = tmp_path / "data", Clock()
    async with open_bot(data, memory_preload=(str(tmp_path / "pan.md"),)):
        pass
    settings = load_settings(bot_data_dir=data)
    await load(settings, [str(tmp_path / "kettle.md")], "guide", None, clock, drops_missing=False)
    async with open_database(settings, clock) as database:
        made = await AgentStore(database).find("console:dm:guide")
        assert made is not None
        sources = await Documents(database, clock).sources(made.id)
        assert {source.name for source in sources} == {"kettle", PRELOADED}
