"""The server of the screen: bound to this machine, until its terminal or Ctrl-C ends it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import socket
from collections.abc import Callable

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from planner.errors import PlannerError
from planner.ui.application import PATIENCE, Access, application
from planner.ui.workspace import Workspace

HOST = "127.0.0.1"
PORT = 8719
"""Where the screen is looked for first, so that edits which a browser kept are found again."""


class PortTaken(PlannerError):
    """Somebody else listens on the port that was asked for."""


class Patient(H11Protocol):
    """A connection that is closed where no request comes within `PATIENCE`; each is for one request."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait."""
        super().connection_made(transport)
        self.loop.call_later(PATIENCE, self._give_up)

    def _give_up(self) -> None:
        if self.cycle is None:
            self.transport.close()


def listen(port: int | None) -> socket.socket:
    """Return a socket that listens on this machine: on ``port``, or on the usual one or any that is free.

    Raises:
        PortTaken: when ``port`` is taken or not allowed.

    """
    for number in (PORT, 0) if port is None else (port,):
        found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind((HOST, number))
            found.listen()
        except OSError as error:
            found.close()
            if port is not None or error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise PortTaken(
                    f"port {number} cannot be used: {(error.strerror or str(error)).lower()}"
                ) from None
        else:
            return found
    raise PortTaken("no port is free on this machine")


def serve(workspace: Workspace, listening: socket.socket, ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; ``ready`` is given the address to open once requests are answered."""
    access = Access(listening.getsockname()[1])
    config = uvicorn.Config(
        application(workspace, access),
        log_level="error",
        access_log=False,
        server_header=False,
        timeout_keep_alive=int(PATIENCE),
        timeout_graceful_shutdown=1,
        h11_max_incomplete_event_size=64 * 2**10,
        http=Patient,
        loop="asyncio",
        ws="none",
        lifespan="off",
    )
    server = uvicorn.Server(config)
    gc.freeze()  # what is there by now stays: an answer need not look through it

    async def run() -> None:
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        while not server.started and not serving.done():
            await asyncio.sleep(0.01)
        if server.started:
            ready(f"http://{HOST}:{listening.getsockname()[1]}/?token={access.token}")
        await serving

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run())
    workspace.stop()
