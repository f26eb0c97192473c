"""Who may ask what: hosts, the token, methods, other sites; and the headers that every answer carries."""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING

from starlette.datastructures import URL, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")

# Charts set style attributes of their SVG, which is all that inline style is allowed for; scripts are files of ours.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Access:
    """Lets through what may be asked, and puts the headers on every answer.

    Only GET and HEAD, of no other site's script or picture, and no text that no database takes. With a ``token`` the first address carries it, and a cookie
    that scripts cannot read afterwards; programs send it as ``Authorization: Bearer``.
    """

    def __init__(self, app: ASGIApp, token: str | None = None) -> None:
        self.app = app
        self.token = token
        # Servers on several ports share one cookie jar: the name keeps their tokens apart.
        self.cookie = f"promptad_db_{hashlib.sha256((token or '').encode()).hexdigest()[:8]}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        answer = self._refusal(Request(scope)) or self.app
        await answer(scope, receive, send_with_headers)

    def _refusal(self, request: Request) -> Response | None:
        improper = _improper(request)
        if improper is not None or self.token is None:
            return improper
        token = request.query_params.get("token")
        if token is not None and self._right(token):
            return self._signed_in(request)
        if self._right(request.cookies.get(self.cookie, "")) or self._right(_bearer(request)):
            return None
        return PlainTextResponse(
            "This app asks for a token: open the address that promptad-db ui printed, with its ?token=...",
            401,
            {"WWW-Authenticate": "Bearer"},
        )

    def _right(self, token: str) -> bool:
        return secrets.compare_digest(token.encode(), (self.token or "").encode())

    def _signed_in(self, request: Request) -> Response:
        left: URL = request.url.remove_query_params("token")
        path = "/" + left.path.lstrip("/")  # two slashes would be another host
        answer = RedirectResponse(path + (f"?{left.query}" if left.query else ""), 303)
        answer.set_cookie(self.cookie, self.token or "", httponly=True, samesite="strict", path="/")
        return answer


def _improper(request: Request) -> Response | None:
    if request.method not in ("GET", "HEAD"):
        return PlainTextResponse("this app only shows: GET", 405, {"Allow": "GET, HEAD"})
    if from_other_site(request) and request.headers.get("sec-fetch-mode") != "navigate":
        return PlainTextResponse("not for other sites", 403)
    return None


def from_other_site(request: Request) -> bool:
    """Whether the browser says that a page of somebody else asks."""
    return request.headers.get("sec-fetch-site") in ("cross-site", "same-site")


def _bearer(request: Request) -> str:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token if kind.lower() == "bearer" else ""
