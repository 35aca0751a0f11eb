"""The child process that serves a GGUF file with llama.cpp: started by `adapters.models.embedded_model`, never by hand.

Standard input: one JSON line {"path", "context_window", "threads", "key"}. Standard output: one JSON line {"url",
"trained_window"} or {"error"}. It ends when standard input does, so it never outlives its parent.
"""

import json
import os
import sys
import urllib.request
from typing import Any

PROMPT_CACHE_MIB = 256
FIRST_WINDOW = 8192
BATCH = 128  # an abandoned request stops between batches: 0.25 s instead of 20 s, at the same speed


def main() -> None:
    """Serve until standard input ends."""
    wanted = json.loads(sys.stdin.readline())
    out, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)  # whatever the library prints must not reach the terminal
    os.dup2(nowhere, 2)
    try:
        import xllamacpp

        server, told = _serve(xllamacpp, wanted, min(wanted["context_window"], FIRST_WINDOW))
        window = min(wanted["context_window"], told["trained_window"])
        if window > FIRST_WINDOW:  # memory is taken for the whole window at once, so never for more than can be used
            del server
            server, told = _serve(xllamacpp, wanted, window)
    except Exception as error:
        told = {"error": str(error)}
    os.write(out, json.dumps(told).encode() + b"\n")
    sys.stdin.read()
    os._exit(0)  # taking the server down politely hangs while a request is under way


def _serve(xllamacpp: Any, wanted: Any, window: int) -> tuple[Any, Any]:
    """A server with that window, and what is told of it."""
    server = xllamacpp.Server(_parameters(xllamacpp, wanted, window))
    url = server.listening_address
    return server, {"url": url, "trained_window": _trained_window(url, wanted)}


def _parameters(xllamacpp: Any, wanted: Any, window: int) -> Any:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = wanted["path"]
    parameters.model_alias = {"embedded"}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0  # any free one
    parameters.api_keys = [wanted["key"]]
    parameters.ui = False
    parameters.cors_origins = ""
    parameters.cors_credentials = False
    parameters.endpoint_slots = parameters.endpoint_props = parameters.endpoint_metrics = False
    parameters.cache_ram_mib = PROMPT_CACHE_MIB
    parameters.n_ctx = window
    parameters.n_predict = window // 4  # where a request sets no limit: a small model may write for ever
    parameters.n_parallel = 1
    parameters.n_batch = parameters.n_ubatch = BATCH
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = wanted["threads"]
    parameters.use_jinja = True  # the file's own chat template
    parameters.verbosity = -1
    return parameters


def _trained_window(url: str, wanted: Any) -> int:
    request = urllib.request.Request(f"{url}/v1/models", headers={"Authorization": f"Bearer {wanted['key']}"})
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(request, timeout=10) as answer:
        return int(json.load(answer)["data"][0]["meta"]["n_ctx_train"])


if __name__ == "__main__":
    main()
