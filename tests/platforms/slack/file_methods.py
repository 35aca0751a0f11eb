"""`files.*`, and the bytes of files (https://docs.slack.dev/messaging/working-with-files).

Whoever asks for the bytes without a token that may read files is sent on to a page where people log in: 200, and HTML.
"""

from aiohttp import web

from tests.platforms.slack import payloads
from tests.platforms.slack.errors import Json, Refused
from tests.platforms.slack.faults import Faults
from tests.platforms.slack.state import State
from tests.platforms.slack.things import File
from tests.platforms.slack.web_api import Call, Method, outcome, required

LOGIN_PAGE = "<!DOCTYPE html><html><head><title>Slack</title></head><body>Sign in to Book club</body></html>"


class FileMethods:
    """See above.

    Attributes:
        fetched: each time that bytes were asked for.
    """

    def __init__(self, state: State, faults: Faults) -> None:
        self.fetched: list[Call] = []
        self._state = state
        self._faults = faults
        self._uploads: dict[str, File] = {}

    def methods(self) -> dict[str, Method]:
        return {
            "files.info": Method(self._info, "files:read"),
            "files.getUploadURLExternal": Method(self._begin, "files:write"),
            "files.completeUploadExternal": Method(self._complete, "files:write"),
        }

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/files-pri/{file}/{name}", self._fetch),
            web.get("/signin", self._sign_in),
            web.post("/upload/v1/{file}", self._upload),
        ]

    def _info(self, args: Json) -> Json:
        required(args, "file")
        found = self._state.files.get(str(args["file"]))
        if found is None:
            raise Refused("file_not_found")
        if found.is_deleted:
            raise Refused("file_deleted")
        return {"file": payloads.file(found), "comments": [], "response_metadata": {"next_cursor": ""}}

    async def _fetch(self, request: web.Request) -> web.StreamResponse:
        async def answer() -> web.StreamResponse:
            return self._bytes(request)

        response: web.StreamResponse | None = None
        try:
            response = await self._faults.run(request, "files", "", answer)
            return response
        finally:
            self.fetched.append(Call("files", {}, *outcome(request, response), dict(request.headers)))
            self._state.stir()

    async def _sign_in(self, request: web.Request) -> web.StreamResponse:
        return web.Response(text=LOGIN_PAGE, content_type="text/html")

    def _bytes(self, request: web.Request) -> web.Response:
        found = self._state.files.get(request.match_info["file"].rpartition("-")[2])
        may = request.headers.get("Authorization") == f"Bearer {self._state.token}" and self._state.token_error is None
        if not may or "files:read" not in self._state.scopes:
            return web.Response(status=302, headers={"Location": f"/signin?redir={request.path}"})
        if found is None or found.is_deleted:
            return web.Response(status=404, text="File not found")
        return web.Response(body=found.content, headers={"Content-Type": found.mimetype})

    # ── what the bot sends ───────────────────────────────────────────────────────────────────────────

    def _begin(self, args: Json) -> Json:
        """https://docs.slack.dev/reference/methods/files.getUploadURLExternal"""
        required(args, "filename", "length")
        file = self._state.add_file(str(args["filename"]), b"", "application/octet-stream", self._state.bot)
        file.told_size = int(args["length"])
        self._uploads[file.id] = file
        return {"upload_url": f"{self._state.url}/upload/v1/{file.id}", "file_id": file.id}

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        file = self._uploads[request.match_info["file"]]
        if request.content_type == "multipart/form-data":
            file.content = b"".join(it.file.read() for it in (await request.post()).values() if hasattr(it, "file"))
        else:
            file.content = await request.read()
        return web.Response(text=f"OK - {len(file.content)}")

    def _complete(self, args: Json) -> Json:
        """https://docs.slack.dev/reference/methods/files.completeUploadExternal: the file stands in a message."""
        required(args, "files")
        found = [self._uploads.pop(str(it["id"]), None) for it in args["files"]]
        if None in found:
            raise Refused("file_not_found")
        files = [it for it in found if it is not None]
        if args.get("channel_id") and files:
            channel = self._state.find_channel(args["channel_id"])
            self._state.require_to_post(channel)
            more: Json = {"files": files, "subtype": "file_share", "thread_ts": args.get("thread_ts")}
            self._state.post(channel, self._state.bot, str(args.get("initial_comment") or ""), **more)
        return {"files": [payloads.file(it) for it in files]}
