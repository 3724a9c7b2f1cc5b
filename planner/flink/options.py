"""Flink options as users give them to options as Flink gets them: secrets out of files and the environment.

``@FILE`` is what curl takes for a value in a file, and ``@env:NAME`` a variable of the environment. Only
sensitive options are read so (`planner.documents.sensitive`): of any other one a value may begin with @.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from planner.documents.sensitive import HIDDEN, REFERENCE, is_reference, is_sensitive
from planner.flink.errors import OptionRefused

ENVIRONMENT = "env:"
MAX_SECRET = 2**16
"""Bytes of a file that holds a secret; certificates and tokens are shorter."""


def resolved(options: Mapping[str, str]) -> dict[str, str]:
    """Return options with the secrets that ``@FILE`` and ``@env:NAME`` stand for.

    Raises:
        OptionRefused: when one cannot be had, or a document has only its mask.

    """
    return {key: _resolved(key, value) for key, value in options.items()}


def _resolved(key: str, value: str) -> str:
    if HIDDEN in value:
        how = "@FILE or @env:NAME" if is_sensitive(key) else "VALUE"
        raise OptionRefused(f"{key} is hidden in the document; give it with -D {key}={how}")
    if not is_reference(key, value):
        return value
    try:
        return secret(value)
    except ValueError as error:
        raise OptionRefused(f"-D {key}={value}: {error}") from None


def secret(value: str) -> str:
    """Return what a value stands for: the text of a file or variable that it names, else itself.

    The end of the last line does not belong to the secret, as where curl and kubectl read a file.

    Raises:
        ValueError: when there is no such file or variable.

    """
    if not value.startswith(REFERENCE):
        return value
    name = value.removeprefix(REFERENCE)
    if name.startswith(ENVIRONMENT):
        variable = name.removeprefix(ENVIRONMENT)
        if variable not in os.environ:
            raise ValueError(f"there is no environment variable {variable!r}")
        return os.environ[variable]
    try:
        with open(name, "rb") as file:
            raw = file.read(MAX_SECRET + 1)
        if len(raw) > MAX_SECRET:
            raise ValueError(f"{name} has more than {MAX_SECRET >> 10} KiB, which is no secret")
        return raw.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except OSError as error:
        raise ValueError(f"cannot read {name}: {(error.strerror or str(error)).lower()}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{name} is not UTF-8 text") from None
