"""`models`: what the server of the settings offers, and how much each model can be shown at once."""

from adapters.console.plain import note
from bot.implementations import models_offered, server_of
from bot.operator.errors import CannotBeDone
from bot.operator.table import print_table
from config.settings import EMBEDDED, Settings

_HEADER = ("MODEL", "WINDOW", "")


async def list_models(settings: Settings) -> None:
    """Print a table of the models on stdout.

    Raises:
        ServiceMissing: the server cannot be reached, refuses the key, or gives no list.
        CannotBeDone: no server is set.
    """
    if settings.openai_base_url is None and settings.openai_api_key is None:
        raise CannotBeDone(
            "No server is set whose models could be listed: set OPENAI_BASE_URL, or OPENAI_API_KEY for OpenAI itself. "
            "`python -m bot configure` looks for one on this machine."
        )
    offered = await models_offered(settings)
    print_table(
        [_HEADER, *((model.name, str(model.window or "-"), model.told) for model in offered)],
        numbers=(1,),
    )
    note(_of_own(settings, [model.name for model in offered]))


def _of_own(settings: Settings, names: list[str]) -> str:
    own = settings.llm_model
    if own == EMBEDDED or settings.model_is_file:
        return f"LLM_MODEL={own} runs on this machine; to use one of these, set LLM_MODEL to its name."
    if own in names:
        return f"LLM_MODEL={own} is one of them; {_window(settings)}."
    return f"LLM_MODEL={own} is not among those of {server_of(settings)}."


def _window(settings: Settings) -> str:
    if settings.llm_context_window:
        return f"its window is taken to be {settings.llm_context_window} tokens (LLM_CONTEXT_WINDOW)"
    return "set LLM_CONTEXT_WINDOW to what stands here, if its window is not known by its name"
