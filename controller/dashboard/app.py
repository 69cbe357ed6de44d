"""The routes of the dashboard: the page and its files, the stream, the pictures, the commands.

Files are read once, by the names that they have in the package, so no path of a request is ever
opened. Who may ask is decided in `security`, before anything here is reached.
"""

import asyncio
import contextlib
import logging
import re
from collections.abc import AsyncIterator, Callable
from importlib.resources import files

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from controller.dashboard.commands import MAX_BYTES, carry_out, wish_of
from controller.dashboard.events import Deltas
from controller.dashboard.hub import Hub
from controller.dashboard.security import Guard
from controller.dashboard.thumbnails import Thumbnails
from controller.errors import ControlError
from sessions.errors import SessionLogError

logger = logging.getLogger(__name__)

MEDIA_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
FOR_EVER = "private, max-age=31536000, immutable"
_SHA256 = re.compile(r"[0-9a-f]{64}")


def make_app(hub: Hub, thumbnails: Thumbnails, token: str) -> ASGIApp:
    """Return the application; `hub` works while it runs."""

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        working = asyncio.create_task(hub.work(), name="hub")
        try:
            yield
        finally:
            await hub.close()
            await working

    routes = [
        *(Route(path, _file(body, media)) for path, (body, media) in static_files().items()),
        Route("/api/events", _events(hub)),
        Route("/api/thumbnails/{sha256}", _thumbnail(thumbnails)),
        Route("/api/commands", _commands, methods=["POST"]),
    ]
    app = Starlette(routes=routes, lifespan=lifespan)
    # A path that nobody has is not found; it leads nowhere else.
    app.router.redirect_slashes = False
    return Guard(app, token)


def static_files() -> dict[str, tuple[bytes, str]]:
    """Return body and media type of each file of the page, by its path."""
    found = {}
    for file in (files("controller.dashboard") / "static").iterdir():
        media = MEDIA_TYPES.get(file.name.rpartition(".")[2])
        if media is not None:
            path = "/" if file.name == "index.html" else f"/{file.name}"
            found[path] = (file.read_bytes(), media)
    return found


def _file(body: bytes, media: str) -> Callable[[Request], Response]:
    def answer(_: Request) -> Response:
        return Response(body, media_type=media, headers={"cache-control": "no-cache"})

    return answer


def _events(hub: Hub) -> Callable[[Request], Response]:
    async def stream() -> AsyncIterator[bytes]:
        deltas = Deltas()
        async with contextlib.aclosing(hub.snapshots()) as snapshots:
            async for snapshot in snapshots:
                yield b"".join(deltas.of(snapshot))

    def answer(_: Request) -> Response:
        return StreamingResponse(stream(), media_type="text/event-stream")

    return answer


def _thumbnail(thumbnails: Thumbnails) -> Callable[[Request], Response]:
    def answer(request: Request) -> Response:
        sha256 = request.path_params["sha256"]
        picture = None
        if _SHA256.fullmatch(sha256):
            with contextlib.suppress(SessionLogError, OSError, KeyError):
                picture = thumbnails.get(sha256)
        if picture is None:
            return JSONResponse({"error": "The page shows no image of that hash."}, 404)
        return Response(picture, media_type="image/jpeg", headers={"cache-control": FOR_EVER})

    return answer


async def _commands(request: Request) -> Response:
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        return JSONResponse({"error": "A command is sent as JSON."}, 415)
    try:
        body = await _body(request)
    except ClientDisconnect:
        return Response(status_code=400)
    if body is None:
        return JSONResponse({"error": f"A command has at most {MAX_BYTES} bytes."}, 413)
    try:
        wish = wish_of(body)
    except (ValueError, RecursionError):
        return JSONResponse({"error": "That is no command of this page."}, 400)
    try:
        return JSONResponse({"done": await asyncio.to_thread(carry_out, wish)})
    except ControlError as error:
        return JSONResponse({"error": str(error)}, 409)


async def _body(request: Request) -> bytes | None:
    """Return the body, None where it is too long; no more than that is ever kept."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BYTES:
            return None
    return body
