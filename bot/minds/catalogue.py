"""The models that an agent can be given: those that the server of the settings offers."""

from adapters.models.offered_models import OfferedModel
from adapters.ports.errors import ServiceMissing
from bot.implementations import has_server, models_offered
from config.settings import Settings, can_be_of_server


class Catalogue:
    """Looked up each time somebody wants to know; what was found last serves while somebody types."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._last: tuple[OfferedModel, ...] = ()

    async def look(self) -> tuple[OfferedModel, ...]:
        """What there is, by the names that the server knows.

        Raises:
            ServiceMissing: no server is set, or it gives no list.
        """
        if not has_server(self._settings):
            raise ServiceMissing("No server is set that could have other models (OPENAI_BASE_URL or OPENAI_API_KEY).")
        found = await models_offered(self._settings)
        self._last = tuple(model for model in found if can_be_of_server(model.name))
        return self._last

    async def names(self) -> tuple[str, ...]:
        """The same, names alone, without a look where there was one; nothing where nothing can be had."""
        try:
            return tuple(model.name for model in self._last or await self.look())
        except ServiceMissing:
            return ()
