"""The web application: what a request may ask for, and who may ask.

Only this machine is listened to. A token that stands in the address once becomes a cookie; requests that name
another host, come from another origin, are large or slow are refused; answers may be shown nowhere else.
"""

from __future__ import annotations

import asyncio
import hmac
import html
import json
import secrets
from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from planner import api
from planner.ui.draft import LONGEST, Edit
from planner.ui.edited_file import Changed
from planner.ui.workspace import Workspace

LARGEST = 4 * 2**20
"""Bytes of a request: some thousand edits."""
PATIENCE = 10.0
"""Seconds in which a request has to be there."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:;"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
    "connection": "close",
}
LONGEST_SEARCH = 3600.0
R = TypeVar("R", bound="_Asked")
Name = Annotated[str, Field(max_length=LONGEST)]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    edits: Annotated[list[Edit], Field(max_length=10_000)] = []


class _View(_Asked):
    base: Name | None = None
    show: Name | None = None


class _Draft(_Asked):
    base: Name


class _Balance(_Draft):
    seconds: Annotated[float, Field(ge=0.1, le=LONGEST_SEARCH)] = 10.0
    previous: Name | None = None


class _Measure(_Draft):
    seconds: Annotated[float, Field(ge=1, le=LONGEST_SEARCH)] = 30.0


class _Placement(_Draft):
    placement: Name


class _Drain(_Placement):
    task_manager: Annotated[Name, Field(alias="taskManager")]


class _Slots(_Asked):
    placement: Name
    task_manager: Annotated[Name, Field(alias="taskManager")]


class _Move(_Placement):
    group: Name
    source: Name
    target: Name


class Access:
    """Who may ask: whoever has the cookie, which the token buys once."""

    def __init__(self, port: int) -> None:
        self.hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost")}
        self.origins = {f"http://{host}" for host in self.hosts}
        self.cookie = f"planner-{port}"
        self.token: str | None = secrets.token_urlsafe(32)
        self.key = secrets.token_urlsafe(32)

    def buys(self, token: str) -> bool:
        """Tell whether a token is the right one, which it is once."""
        right = self.token is not None and hmac.compare_digest(token.encode(), self.token.encode())
        if right:
            self.token = None
        return right

    def knows(self, cookie: str) -> bool:
        """Tell whether a cookie is the right one."""
        return hmac.compare_digest(cookie.encode(), self.key.encode())


class Guard:
    """Everything that is asked of a request before it is answered."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app = app
        self.access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        refused = self._refused(scope)
        body = b""
        if refused is None and scope["method"] == "POST":
            try:
                async with asyncio.timeout(PATIENCE):
                    body = await _body(receive)
            except TimeoutError:
                refused = PlainTextResponse("the request took too long", 408)
            except OverflowError:
                refused = PlainTextResponse("the request is too large", 413)
        if refused is not None:
            await refused({**scope, "method": "GET"}, receive, guarded)
            return
        sent = False

        async def once() -> Message:
            nonlocal sent
            if sent:
                return await receive()
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self.app(scope, once, guarded)

    def _refused(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if headers.get("host", "").lower() not in self.access.hosts:
            return PlainTextResponse("this address is not that of planner ui", 421)
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        if origin is not None and origin not in self.access.origins:
            return PlainTextResponse("another site may not ask", 403)
        if scope["method"] not in ("GET", "HEAD", "POST"):
            return PlainTextResponse("not allowed", 405)
        if scope["method"] == "POST":
            if origin is None and site != "same-origin":
                return PlainTextResponse("another site may not ask", 403)
            if headers.get("content-type", "").partition(";")[0].strip() != "application/json":
                return PlainTextResponse("write JSON", 415)
            length = headers.get("content-length", "0")
            if not length.isdecimal() or int(length) > LARGEST:
                return PlainTextResponse("the request is too large", 413)
        request = Request(scope)
        if self.access.knows(request.cookies.get(self.access.cookie, "")):
            return None
        if scope["path"] == "/" and scope["method"] == "GET" and "token" in request.query_params:
            return None
        return HTMLResponse(_page("<p>Open the address that planner ui printed in its terminal.</p>"), 403)


async def _body(receive: Receive) -> bytes:
    """Return the body of a request; OverflowError where it is too large."""
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b""
        part = message.get("body", b"")
        size += len(part)
        if size > LARGEST:
            raise OverflowError
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)


def application(workspace: Workspace, access: Access) -> ASGIApp:
    """Return the application of a workspace."""
    assets = files(__package__) / "assets"

    async def page(request: Request) -> Response:
        token = request.query_params.get("token")
        if token is None:
            script = '<script src="/ui.js" defer></script>'
            return HTMLResponse(_page("", html.escape(workspace.file.name), script))
        if access.knows(request.cookies.get(access.cookie, "")) or access.buys(token):
            answer = RedirectResponse("/", 303)
            answer.set_cookie(access.cookie, access.key, httponly=True, samesite="strict", path="/")
            return answer
        gone = "<p>This address was opened before. Start planner ui again for a new one.</p>"
        return HTMLResponse(_page(gone), 403)

    def asset(name: str, kind: str) -> Callable[[Request], Awaitable[Response]]:
        content = (assets / name).read_bytes()

        async def answer(_: Request) -> Response:
            return Response(content, media_type=kind)

        return answer

    def asked(path: str, model: type[R], act: Callable[[R], Any]) -> Route:
        async def answer(request: Request) -> Response:
            try:
                wanted = model.model_validate_json(await request.body())
            except ValidationError as error:
                first = error.errors(include_url=False, include_context=False, include_input=False)[0]
                where = ".".join(str(part) for part in first["loc"])
                return JSONResponse({"problem": f"{where}: {first['msg']}".removeprefix(": ")}, 400)
            return await run_in_threadpool(_answered, act, wanted)

        return Route(path, answer, methods=["POST"])

    def view(wanted: _View) -> Any:
        return workspace.state(wanted.edits, wanted.base, wanted.show)

    def theirs(wanted: _Draft) -> Any:
        changed = workspace.file.since(wanted.base)
        return {"disk": changed.digest, "patch": changed.patch}

    def save(wanted: _Draft) -> Any:
        return {"base": workspace.save_job(wanted.edits, wanted.base)}

    def save_placement(wanted: _Placement) -> Any:
        return workspace.save_placement(wanted.placement)

    def balance(wanted: _Balance) -> Any:
        workspace.balance(wanted.edits, wanted.base, wanted.seconds, wanted.previous)
        return workspace.searching()

    def drain(wanted: _Drain) -> Any:
        workspace.drain(wanted.edits, wanted.base, wanted.placement, wanted.task_manager)
        return workspace.searching()

    def move(wanted: _Move) -> Any:
        found = workspace.move(
            wanted.edits, wanted.base, wanted.placement, wanted.group, wanted.source, wanted.target
        )
        return {"result": found[0], "problems": found[1]}

    def slots(wanted: _Slots) -> Any:
        return workspace.slots(wanted.placement, wanted.task_manager)

    def recovery(wanted: _Placement) -> Any:
        return workspace.recovery(wanted.edits, wanted.base, wanted.placement)

    def report(wanted: _Placement) -> Any:
        return workspace.report(wanted.edits, wanted.base, wanted.placement)

    def deviations(wanted: _Placement) -> Any:
        return workspace.deviations(wanted.edits, wanted.base, wanted.placement)

    def measure(wanted: _Measure) -> Any:
        workspace.measure(wanted.edits, wanted.base, wanted.seconds)
        return workspace.searching()

    def compare(wanted: _Placement) -> Any:
        return workspace.compared(wanted.edits, wanted.base, wanted.placement)

    def stop(_: _Asked) -> Any:
        workspace.stop()

    async def now(_: Request) -> Response:
        disk = await run_in_threadpool(workspace.digest)
        return JSONResponse({"disk": disk, "search": workspace.searching()})

    routes = [
        Route("/", page, methods=["GET"]),
        Route("/ui.js", asset("ui.js", "text/javascript"), methods=["GET"]),
        Route("/ui.css", asset("ui.css", "text/css"), methods=["GET"]),
        Route("/api/now", now, methods=["GET"]),
        asked("/api/view", _View, view),
        asked("/api/theirs", _Draft, theirs),
        asked("/api/save", _Draft, save),
        asked("/api/save-placement", _Placement, save_placement),
        asked("/api/balance", _Balance, balance),
        asked("/api/stop", _Asked, stop),
        asked("/api/drain", _Drain, drain),
        asked("/api/move", _Move, move),
        asked("/api/slots", _Slots, slots),
        asked("/api/recovery", _Placement, recovery),
        asked("/api/report", _Placement, report),
        asked("/api/deviations", _Placement, deviations),
        asked("/api/measure", _Measure, measure),
        asked("/api/compare", _Placement, compare),
    ]
    return Guard(Starlette(routes=routes), access)


def _answered(act: Callable[[R], Any], wanted: R) -> Response:
    """Return the answer to a request; what planner refuses is a problem in a sentence."""
    try:
        found = act(wanted)
    except Changed as error:
        return JSONResponse({"problem": str(error), "disk": error.digest, "patch": error.patch}, 409)
    except api.DocumentError as error:
        return JSONResponse({"problem": error.findings[0].message}, 422)
    except api.PlannerError as error:
        return JSONResponse({"problem": str(error)}, 422)
    text = json.dumps(found, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Response(text.encode(), media_type="application/json")


def _page(body: str, title: str = "planner", script: str = "") -> str:
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} - planner</title>
<link rel="stylesheet" href="/ui.css">
<link rel="icon" href="data:,">
</head>
<body>
<noscript><p>This page needs JavaScript.</p></noscript>
{body}
{script}
</body>
</html>
"""
