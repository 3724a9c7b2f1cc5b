"""How planner shows a cluster's REST server who asks, and whom it trusts.

Credentials are in the address (``https://USER:PASSWORD@host``) or in the environment, where no other user of
the machine sees them. They go to the address that the user named and nowhere else, and into no message.
"""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote

from planner.cluster.errors import NoAnswer
from planner.flink.options import secret

TOKEN = "PLANNER_REST_TOKEN"
"""A bearer token, or ``@FILE``."""
USER = "PLANNER_REST_USER"
"""``USER:PASSWORD`` for basic authentication, or ``@FILE``."""
AUTHORITY = "PLANNER_REST_CA"
"""A PEM file of the certificates to trust instead of the system's."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """The ``Authorization`` header of every request, and a file of certificates to trust."""

    authorization: str | None = field(default=None, repr=False)
    authority: str | None = None


NOBODY = Credentials()
"""What is shown to a cluster of planner's own."""


def credentials(address: SplitResult) -> Credentials:
    """Return the credentials for an address: those in it, else those of the environment.

    Raises:
        NoAnswer: when a variable does not hold what it should.

    """
    authority = os.environ.get(AUTHORITY) or None
    if authority is not None and not os.path.isfile(authority):
        raise NoAnswer(f"{AUTHORITY}: there is no file {authority}")
    if address.username is not None:
        return Credentials(_basic(unquote(address.username), unquote(address.password or "")), authority)
    if token := _variable(TOKEN):
        return Credentials(f"Bearer {token}", authority)
    if user := _variable(USER):
        name, colon, password = user.partition(":")
        if not colon:
            raise NoAnswer(f"{USER} has to hold USER:PASSWORD, or @FILE with that")
        return Credentials(_basic(name, password), authority)
    return Credentials(authority=authority)


def _basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode("utf-8", "surrogateescape")).decode()


def _variable(name: str) -> str:
    """Return a secret of the environment, empty where there is none; its text appears in no message."""
    try:
        value = secret(os.environ.get(name, "")).strip()
    except ValueError as error:
        raise NoAnswer(f"{name}: {error}") from None
    if not (value.isascii() and value.isprintable()) and name == TOKEN:
        raise NoAnswer(f"{name} holds characters that no token has")
    return value
