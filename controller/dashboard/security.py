"""Who may see and change a session through the page: whoever has the token, from this machine.

Everything under /api needs the token, in a header: no form, link, image or script of another site
can send one, and there is no cookie that a browser would add by itself. The host that a browser
thinks it talks to must be this machine, so that a name of somebody else's that points here
(DNS rebinding) is refused, and so is a request that another page caused. What a page may load is
said by a policy that allows this server alone, and nothing inline.
"""

import secrets
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

TOKEN_HEADER = "x-neuroloop-token"  # noqa: S105  # the name of a header
GUARDED = "/api/"
HOSTS = ("127.0.0.1", "localhost", "::1")
"""Names of this machine; the port may be another one at the near end of a tunnel."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


def new_token() -> str:
    """Return a token that nobody can guess: 256 bits of the system's randomness."""
    return secrets.token_urlsafe(32)


class Guard:
    """Lets through to `app` what may be answered, and refuses everything else with a sentence."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
            await send(message)

        refusal = self._refusal(scope)
        app = self._app if refusal is None else refusal
        await app(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> JSONResponse | None:
        headers = Headers(scope=scope)
        if scope["type"] != "http" or not is_this_machine(headers.getlist("host")):
            return _refused(403, "This server answers only to 127.0.0.1 and localhost.")
        if not is_same_origin(headers):
            return _refused(403, "Another page asked for this; open the dashboard's own.")
        if scope["path"].startswith(GUARDED) and not self._has_token(headers):
            return _refused(401, "Open the page by the address that neuroloop dashboard printed.")
        return None

    def _has_token(self, headers: Headers) -> bool:
        given = headers.get(TOKEN_HEADER, "").encode("utf-8", "replace")
        return secrets.compare_digest(given, self._token)


def is_this_machine(hosts: list[str]) -> bool:
    """Return whether a request was meant for this machine: one Host header, with a name of it."""
    if len(hosts) != 1:
        return False
    try:
        parts = urlsplit(f"//{hosts[0]}")
        _ = parts.port
    except ValueError:
        return False
    return parts.netloc == hosts[0] and parts.username is None and parts.hostname in HOSTS


def is_same_origin(headers: Headers) -> bool:
    """Return whether no other site caused a request; a program that is no browser says nothing."""
    origins = headers.getlist("origin")
    if origins and origins != [f"http://{headers['host']}"]:
        return False
    return headers.get("sec-fetch-site", "none") in ("none", "same-origin")


def _refused(status: int, why: str) -> JSONResponse:
    return JSONResponse({"error": why}, status)
