"""A stand-in for the Hugging Face hub: the two calls that fetching a file takes, by the hub's documents.

A file is at `/OWNER/NAME/resolve/main/FILE`. Its headers tell the commit, the SHA-256 of what is stored (as ETag) and
the size; `x-error-code` tells what is wrong. Source: https://huggingface.co/docs/hub/api and the client's own
reference, https://huggingface.co/docs/huggingface_hub/package_reference/file_download.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Self

from aiohttp import web

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """Serves files by `OWNER/NAME/FILE`.

    Attributes:
        files: their bytes.
        etags: told of a file in place of its own hash.
        errors: `x-error-code` and status of a repository that cannot be had.
        cut_at: so many bytes of a file are sent, and then the connection ends; once.
        got: path and range of each download.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    etags: dict[str, str] = field(default_factory=dict)
    errors: dict[str, tuple[int, str]] = field(default_factory=dict)
    cut_at: int | None = None
    got: list[tuple[str, str | None]] = field(default_factory=list)
    url: str = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{owner}/{name}/resolve/{revision}/{file:.*}", self._resolve)
        self._runner = web.AppRunner(app, shutdown_timeout=0.05)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _resolve(self, request: web.Request) -> web.StreamResponse:
        repository = "{owner}/{name}".format(**request.match_info)
        name = f"{repository}/{request.match_info['file']}"
        if repository in self.errors:
            status, code = self.errors[repository]
            return web.Response(status=status, headers={"x-error-code": code})
        if name not in self.files:
            return web.Response(status=404, headers={"x-error-code": "EntryNotFound", "x-repo-commit": COMMIT})
        content = self.files[name]
        etag = self.etags.get(name, hashlib.sha256(content).hexdigest())
        headers = {"x-repo-commit": COMMIT, "x-linked-etag": f'"{etag}"', "etag": f'"{etag}"'}
        headers |= {"x-linked-size": str(len(content)), "accept-ranges": "bytes"}
        if request.method == "HEAD":
            return web.Response(headers=headers | {"content-length": str(len(content))})
        wanted = request.headers.get("range")
        self.got.append((name, wanted))
        start = int(wanted.removeprefix("bytes=").partition("-")[0]) if wanted else 0
        rest = content[start:]
        response = web.StreamResponse(status=206 if wanted else 200, headers=headers)
        if wanted:
            response.headers["content-range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        response.content_length = len(rest)
        await response.prepare(request)
        if self.cut_at is not None:
            cut, self.cut_at = self.cut_at, None
            await response.write(rest[:cut])
            assert request.transport is not None
            request.transport.close()
            return response
        await response.write(rest)
        return response
