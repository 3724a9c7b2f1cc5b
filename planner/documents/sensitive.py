"""Which Flink options hold secrets, and text without them: one table for documents, messages and files.

Documents are committed, messages end in logs of CI systems. Flink hides the values of the same keys in its
own logs and in its web interface (`GlobalConfiguration.isSensitive`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

HIDDEN = "******"
"""What stands in the place of a secret (`GlobalConfiguration.HIDDEN_CONTENT`)."""
SENSITIVE_KEYS = (
    "password",
    "secret",
    "fs.azure.account.key",
    "apikey",
    "api-key",
    "auth-params",
    "service-key",
    "token",
    "basic-auth",
    "jaas.config",
    "http-headers",
)
"""Parts of the keys of secrets, in any case: those of `GlobalConfiguration` of all versions together."""
OPTION_FIELDS = frozenset({"flinkConfiguration", "configuration", "dynamicOptions"})
"""Fields of documents that hold Flink options."""
ARGUMENTS = "arguments"
"""The field of documents that holds the arguments of a program."""
SHORTEST = 4
"""Characters of a secret below which it cannot be told from other words of a text."""
REFERENCE = "@"
"""What the value of a sensitive option begins with where it names what holds the secret."""

_NO_SECRET = re.compile(
    r"kubernetes\.(secrets|env\.secretkeyref|container\.image\.pull-secrets)(\..*)?"
    r"|security\.delegation\.tokens\..*"
    r"|security\.delegation\.token\.provider\.[^.]+\.enabled"
    r"|security\.kerberos\.(fetch\.delegation-token|tokens\.renewal\..*)"
    r"|yarn\.security\.appmaster\.delegation\.token\.services"
    r"|table\.secret-store\.kind"
)
"""Options of Flink that name a Secret or say how tokens are renewed; their values are no secrets."""
_KEY = r"(?<![\w.-])(?P<key>[\w.-]++)"
_NAMED = re.compile(rf"""{_KEY}["']?\s*[=:]\s*(?P<reference>["']?{REFERENCE})?""")
_VARIABLE = re.compile(r"""\bname["']?\s*:\s*["']?(?P<name>[\w.-]+)["']?\s*,\s*["']?value["']?\s*:\s*""")
"""An environment variable in one line."""
_VALUE = re.compile(r"""\"[^"]*\"|'[^']*'|[^\s,;&"']+""")
_USER_INFO = re.compile(
    r"""(?P<scheme>(?<![\w+.-])[A-Za-z][\w+.-]*://)[^\s/:@"']{0,256}:(?!\d{1,5}/)[^\s"']{0,512}@"""
)
"""User and password in a URL; a password may hold slashes, a port may not."""


@lru_cache(maxsize=4096)
def is_sensitive(key: str) -> bool:
    """Tell whether the value of an option is a secret."""
    lower = key.lower()
    return any(part in lower for part in SENSITIVE_KEYS) and _NO_SECRET.fullmatch(lower) is None


def is_secret_variable(entry: object) -> bool:
    """Tell whether a mapping is an environment variable, by ``name`` and ``value``, that holds a secret."""
    return isinstance(entry, dict) and is_sensitive(str(entry.get("name", "")))


def is_reference(key: str, value: str) -> bool:
    """Tell whether the value of an option names what holds the secret: ``@FILE`` or ``@env:NAME``."""
    return value.startswith(REFERENCE) and len(value) > 1 and is_sensitive(key)


def holds_secret(key: str, value: str) -> bool:
    """Tell whether the value of an option is a secret, has one in it, names one, or is the mask of one."""
    return is_reference(key, value) or HIDDEN in masked(key, value)


def masked(key: str, value: str) -> str:
    """Return the value of an option without the secrets in it; a reference to a secret is none."""
    if is_sensitive(key):
        return value if is_reference(key, value) or not value else HIDDEN
    return masked_user_info(_without_values(value))


def masked_options(options: Mapping[str, str]) -> dict[str, str]:
    """Return options as a derived document holds them: without secrets, and without what names them."""
    return {key: HIDDEN if is_reference(key, value) else masked(key, value) for key, value in options.items()}


def masked_arguments(words: Sequence[str]) -> list[str]:
    """Return the arguments of a program without the secrets in them: ``--password x``, ``--password=x``."""
    found: list[str] = []
    for before, word in zip(("", *words), words, strict=False):
        named = before.startswith("-") and "=" not in before and is_sensitive(before)
        found.append(HIDDEN if named and not word.startswith("-") else masked("", word))
    return found


def masked_user_info(text: str) -> str:
    """Return a text without the user names and passwords of the URLs in it."""
    return _USER_INFO.sub(rf"\g<scheme>{HIDDEN}@", text) if "://" in text else text


def without_secrets(text: str, options: Mapping[str, str]) -> str:
    """Return what others say, such as Flink, without the secrets among the options that they were given."""
    secrets = {value for key, value in options.items() if is_sensitive(key) and len(value) >= SHORTEST}
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return masked_user_info(text)


def masked_line(line: str) -> str:
    """Return a line of a file without what follows the key of a secret, and without passwords of URLs."""
    end = next((end for end in _secrets(line) if line[end:].strip()), None)
    return masked_user_info(line) if end is None else masked_user_info(line[:end]) + HIDDEN


def _without_values(text: str) -> str:
    """Return a text without the values of the secrets in it: ``password=x``, ``token: "x"``."""
    if "=" not in text and ":" not in text:
        return text
    parts, at = [], 0
    for end in _secrets(text):
        if end >= at and (value := _VALUE.match(text, end)):
            parts += [text[at:end], HIDDEN]
            at = value.end()
    return "".join([*parts, text[at:]])


def _secrets(text: str) -> Iterator[int]:
    """Yield where the values of the secrets in a text begin, behind their keys."""
    for variable in _VARIABLE.finditer(text):
        if is_sensitive(variable["name"]):
            yield variable.end()
    for found in _NAMED.finditer(text):
        if is_sensitive(found["key"]) and not found["reference"]:
            yield found.end()
