"""`models`: what the server of the settings offers, and how much each model can be shown at once."""

from collections.abc import Sequence

from adapters.console.plain import note
from adapters.models.offered_models import OfferedModel, WindowTold, offered_as
from bot.implementations import models_offered, server_of, with_window
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
        [_HEADER, *((_shown(model.name), str(model.window or "-"), model.told) for model in offered)],
        numbers=(1,),
    )
    note(_of_own(settings, offered))


def window_in_words(model: OfferedModel) -> str:
    """The window that is taken for a model, and how that is known."""
    told: str = model.told
    if model.told is WindowTold.AT_MOST:
        told = f"at most {model.window}; the server may run it with less"
    if model.told is WindowTold.NOT:
        told = "assumed, as the server does not tell it; LLM_CONTEXT_WINDOW says it"
    return f"{model.window_to_take} tokens ({told})"


def _shown(name: str) -> str:
    """A name on one line, without what would steer the terminal: a server may write anything."""
    from adapters.console.interactive import printable

    return printable(" ".join(name.split()))


def _of_own(settings: Settings, offered: Sequence[OfferedModel]) -> str:
    own = settings.llm_model
    if own == EMBEDDED or settings.model_is_file:
        return f"LLM_MODEL={own} runs on this machine; to use one of these, set LLM_MODEL to its name."
    if offered_as(own, offered) is not None:
        window = window_in_words(with_window(settings, offered))
        return f"LLM_MODEL={own} is one of them; its window is taken to be {window}."
    return f"LLM_MODEL={own} is not among those of {server_of(settings)}."
