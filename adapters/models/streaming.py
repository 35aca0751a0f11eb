"""Whether a server streams the answers of a model: one short call, of which no more than the first piece is read.

Source: https://platform.openai.com/docs/api-reference/chat-streaming
"""

import json

from adapters.models.openai_model import NO_KEY
from adapters.models.reachable import OPENAI_URL
from adapters.ports.errors import ModelUnavailable

_REFUSALS = (400, 404, 405, 415, 422, 501)


async def streams(
    model: str, prompt: str, *, base_url: str | None, api_key: str | None, max_tokens: int, timeout_s: float
) -> bool:
    """Ask for a streamed answer.

    Args:
        model: as the server knows it.
        prompt: what a user says.
        base_url: None for OpenAI itself.
        api_key: None for a server that asks for none.
        max_tokens: an end for models that would write for ever.
        timeout_s: the longest that nothing may come.

    Raises:
        ModelUnavailable: it could not be found out.
    """
    import httpx2

    body = {
        "model": model,
        "messages": [{"role": "user", "content": prompt}],
        "stream": True,
        "max_completion_tokens" if base_url is None else "max_tokens": max_tokens,
    }
    url = f"{(base_url or OPENAI_URL).rstrip('/')}/chat/completions"
    headers = {"Authorization": f"Bearer {api_key or NO_KEY}"}
    try:
        async with (
            httpx2.AsyncClient(headers=headers, timeout=timeout_s) as client,
            client.stream("POST", url, json=body) as response,
        ):
            if response.status_code in _REFUSALS:
                return False
            response.raise_for_status()
            async for line in response.aiter_lines():
                if line.startswith("data:"):
                    return _is_piece(line.removeprefix("data:"))
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise ModelUnavailable(
            "I cannot reach my language model right now.", f"{model}: {type(error).__name__}"
        ) from error
    return False


def _is_piece(data: str) -> bool:
    try:
        piece = json.loads(data)
    except (ValueError, RecursionError):
        return False
    return isinstance(piece, dict) and isinstance(piece.get("choices"), list)
