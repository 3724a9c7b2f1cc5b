"""Sizes, durations and CPU as exact integers, parsed and printed as Flink does.

Inside planner memory is an integer number of bytes, time an integer number of nanoseconds
(Flink's resolution) and CPU an integer number of :data:`CORE`-ths of a core. Flink's grammar and
Kubernetes' grammar differ (``2048m`` is 2 GiB to Flink and 2.048 bytes to Kubernetes), so each has
a function of its own and a caller has to say which one it means.
"""

from __future__ import annotations

import re
from decimal import ROUND_DOWN, Decimal

KIB = 1024
MIB = 1024**2
GIB = 1024**3
TIB = 1024**4
LONG_MAX = 2**63 - 1

CORE = 10**8
"""CPU units in one core: Flink keeps eight decimals of a core and truncates the rest
(`Resource.java`), so this is its resolution."""

_SIZE_UNITS = {
    **dict.fromkeys(("", "b", "bytes"), 1),
    **dict.fromkeys(("k", "kb", "kibibytes"), KIB),
    **dict.fromkeys(("m", "mb", "mebibytes"), MIB),
    **dict.fromkeys(("g", "gb", "gibibytes"), GIB),
    **dict.fromkeys(("t", "tb", "tebibytes"), TIB),
}
_SIZE_HELP = "units are b, kb, mb, gb, tb (powers of 1024), for example 512 mb"

_KUBERNETES_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_KUBERNETES_DECIMAL = {
    "n": -9,
    "u": -6,
    "m": -3,
    "": 0,
    "k": 3,
    "M": 6,
    "G": 9,
    "T": 12,
    "P": 15,
    "E": 18,
}
_KUBERNETES_QUANTITY = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))([eE][+-]?[0-9]{1,3}|[a-zA-Z]*)")

_MICRO, _MILLI, _SECOND = 10**3, 10**6, 10**9
_MINUTE, _HOUR, _DAY = 60 * _SECOND, 3600 * _SECOND, 86400 * _SECOND
_DURATION_UNITS = {
    **dict.fromkeys(("d", "day", "days"), _DAY),
    **dict.fromkeys(("h", "hour", "hours"), _HOUR),
    **dict.fromkeys(("min", "m", "minute", "minutes"), _MINUTE),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), _SECOND),
    **dict.fromkeys(("", "ms", "milli", "millis", "millisecond", "milliseconds"), _MILLI),
    **dict.fromkeys(("µs", "micro", "micros", "microsecond", "microseconds"), _MICRO),
    **dict.fromkeys(("ns", "nano", "nanos", "nanosecond", "nanoseconds"), 1),
}
_DURATION_NAMES = (
    (_DAY, "d"),
    (_HOUR, "h"),
    (_MINUTE, "min"),
    (_SECOND, "s"),
    (_MILLI, "ms"),
    (_MICRO, "µs"),
    (1, "ns"),
)
_DURATION_HELP = "units are ms, s, min, h, d, for example 30 s"
_ISO_DURATION = re.compile(
    r"([+-])?P(?:([+-]?[0-9]+)D)?"
    r"(T(?:([+-]?[0-9]+)H)?(?:([+-]?[0-9]+)M)?(?:([+-]?[0-9]+)(?:[.,]([0-9]{0,9}))?S)?)?",
    re.IGNORECASE,
)

_MAX_DIGITS = 1000
_JAVA_BLANKS = "".join(map(chr, range(0x21)))


def _shown(text: str) -> str:
    """Quote ``text`` for a message, cut to a length that people read."""
    text = text.strip()
    return repr(text if len(text) <= 40 else text[:37] + "...")


def _number_and_unit(text: str, help_text: str) -> tuple[int, str]:
    """Split ``text`` into Flink's leading ASCII digits and the lower-cased unit after them."""
    trimmed = text.strip(_JAVA_BLANKS)
    if not trimmed:
        raise ValueError(f"is empty; {help_text}")
    digits = re.match(r"[0-9]*", trimmed)
    number = digits.group() if digits else ""
    if not number:
        raise ValueError(f"{_shown(trimmed)} does not start with a number; {help_text}")
    if len(number) > _MAX_DIGITS:
        raise ValueError(f"{_shown(trimmed)} is more than 64 bits can hold")
    return int(number), trimmed[len(number) :].strip(_JAVA_BLANKS).lower()


def parse_size(text: str) -> int:
    """Return the bytes that Flink's ``MemorySize.parse`` reads from ``text``.

    A bare number is bytes; signs, decimals and Kubernetes suffixes are errors, as in Flink.

    Raises:
        ValueError: where Flink refuses, with the reason in words.

    """
    number, unit = _number_and_unit(text, _SIZE_HELP)
    if unit.startswith("."):
        raise ValueError(
            f"{_shown(text)} has decimals, which Flink does not read; write it in a smaller unit"
        )
    if unit not in _SIZE_UNITS:
        raise ValueError(f"{_shown(text)} has no unit that Flink supports; {_SIZE_HELP}")
    size = number * _SIZE_UNITS[unit]
    if size > LONG_MAX:
        raise ValueError(f"{_shown(text)} is more than 64 bits can hold")
    return size


def format_size(size: int) -> str:
    """Spell ``size`` bytes as Flink's ``MemorySize.toString`` does.

    That is the largest unit up to gb that divides it, and plain bytes for whole terabytes.
    """
    for factor, unit in ((GIB, "gb"), (MIB, "mb"), (KIB, "kb")):
        if size % TIB and size % factor == 0:
            return f"{size // factor} {unit}"
    return f"{size} bytes"


def format_size_human(size: int) -> str:
    """Spell ``size`` bytes as Flink's messages do: three decimals of the largest unit below it."""
    if size <= KIB:
        return f"{size} bytes"
    factor, unit = max((f, u) for f, u in ((KIB, "kb"), (MIB, "mb"), (GIB, "gb"), (TIB, "tb")) if f < size)
    return f"{size / factor:.3f}{unit} ({size} bytes)"


def rounded_size(size: int) -> str:
    """Spell ``size`` bytes for people in mb, rounded to a tenth where it does not divide."""
    return f"{size // MIB} mb" if size % MIB == 0 else f"{size / MIB:.1f} mb"


def parse_quantity(text: str) -> Decimal:
    """Return the exact value of the Kubernetes resource quantity ``text`` (``1.5Gi``, ``500m``, ``2e3``).

    Raises:
        ValueError: when ``text`` is no quantity.

    """
    match = _KUBERNETES_QUANTITY.fullmatch(text)
    if match is None:
        raise ValueError(f"{_shown(text)} is not a Kubernetes quantity")
    number, suffix = Decimal(match[1]), match[2]
    if suffix in _KUBERNETES_BINARY:
        return number * Decimal(KIB) ** _KUBERNETES_BINARY[suffix]
    if suffix in _KUBERNETES_DECIMAL:
        return number.scaleb(_KUBERNETES_DECIMAL[suffix])
    if suffix[0] in "eE" and len(suffix) > 1:
        return number.scaleb(int(suffix[1:]))
    raise ValueError(f"{_shown(text)} is not a Kubernetes quantity")


def parse_size_lenient(text: str) -> int:
    """Read a size as a person may write it: Flink's spelling, else one of Kubernetes' binary suffixes.

    Only ``Ki Mi Gi Ti Pi Ei`` count as Kubernetes spellings: every other suffix means something
    else to Flink, and Flink's meaning wins.

    Raises:
        ValueError: when neither grammar reads ``text``, or the size is no whole number of bytes.

    """
    stripped = text.strip()
    if stripped[-2:] in _KUBERNETES_BINARY:
        size = parse_quantity(stripped)
        if size < 0 or size != size.to_integral_value() or size > LONG_MAX:
            raise ValueError(f"{_shown(stripped)} is not a whole number of bytes below 2^63")
        return int(size)
    return parse_size(text)


def parse_manifest_size(text: str) -> int:
    """Read a size as the Flink Kubernetes Operator does (`ResourceConfigUtils.parseResourceMemoryString`).

    Flink's spelling comes first, so ``2048m`` is 2 GiB; what Flink does not read is a Kubernetes quantity,
    in any case and with a final ``b`` (``2Gi``, ``1.5g``).

    Raises:
        ValueError: when neither grammar reads ``text``, or the size is no whole number of bytes.

    """
    try:
        return parse_size(text)
    except ValueError:
        quantity = re.sub(r"\s", "", text).upper().removesuffix("B")
        quantity = quantity[:-1] + "i" if quantity.endswith("I") else quantity
        try:
            size = parse_quantity(quantity)
        except ValueError:
            raise ValueError(
                f"{_shown(text)} is neither a size of Flink (2048m, 2g) nor one of Kubernetes (2Gi)"
            ) from None
    if size < 0 or size != size.to_integral_value() or size > LONG_MAX:
        raise ValueError(f"{_shown(text)} is not a whole number of bytes below 2^63")
    return int(size)


def parse_duration(text: str) -> int:
    """Return the nanoseconds that Flink's ``TimeUtils.parseDuration`` reads from ``text``.

    A bare number is milliseconds; ISO-8601 (``PT30S``) is read as Java's ``Duration.parse`` does.

    Raises:
        ValueError: where Flink refuses, with the reason in words.

    """
    trimmed = text.strip(_JAVA_BLANKS)
    if trimmed and not ("0" <= trimmed[0] <= "9"):
        return _parse_iso_duration(trimmed)
    number, unit = _number_and_unit(text, _DURATION_HELP)
    if unit not in _DURATION_UNITS:
        raise ValueError(f"{_shown(trimmed)} has no time unit that Flink supports; {_DURATION_HELP}")
    nanos = number * _DURATION_UNITS[unit]
    if nanos // _SECOND > LONG_MAX:
        raise ValueError(f"{_shown(trimmed)} is more than 64 bits can hold")
    return nanos


def _parse_iso_duration(text: str) -> int:
    match = _ISO_DURATION.fullmatch(text)
    if match is None or not any(match.group(2, 4, 5, 6)) or (match[3] and len(match[3]) == 1):
        raise ValueError(f"{_shown(text)} is not a duration; {_DURATION_HELP}")
    negate, days, _, hours, minutes, seconds, fraction = match.groups()
    nanos = int(days or 0) * _DAY + int(hours or 0) * _HOUR + int(minutes or 0) * _MINUTE
    fraction_nanos = int((fraction or "0").ljust(9, "0"))
    nanos += int(seconds or 0) * _SECOND + (
        -fraction_nanos if (seconds or "").startswith("-") else fraction_nanos
    )
    nanos = -nanos if negate == "-" else nanos
    if nanos < 0:
        raise ValueError(f"{_shown(text)} is negative")
    if nanos // _SECOND > LONG_MAX:
        raise ValueError(f"{_shown(text)} is more than 64 bits can hold")
    return nanos


def format_duration(nanos: int) -> str:
    """Spell ``nanos`` nanoseconds as Flink does: the largest unit that divides it (``0`` is ``0 ms``)."""
    if nanos == 0:
        return "0 ms"
    factor, unit = next((f, u) for f, u in _DURATION_NAMES if nanos % f == 0)
    return f"{nanos // factor} {unit}"


def parse_cpu(value: str | int | float | Decimal) -> int:
    """Return :data:`CORE`-ths of a core for a number of cores, or for Kubernetes' ``500m``.

    Decimals after the eighth are cut off, as Flink does.

    Raises:
        ValueError: when ``value`` is negative, not finite or no number.

    """
    text = str(value).strip()
    try:
        cores = Decimal(text[:-1]).scaleb(-3) if text.endswith("m") else Decimal(text)
        units = (cores * CORE).to_integral_value(rounding=ROUND_DOWN)
    except ArithmeticError:
        raise ValueError(f"{_shown(text)} is not a valid number of cores; use 0.5, 2 or 500m") from None
    if not cores.is_finite() or not 0 <= units <= LONG_MAX // 2**20:
        raise ValueError(f"{_shown(text)} is not a valid number of cores; use 0.5, 2 or 500m")
    return int(units)


def cpu_number(units: int) -> int | float:
    """Return CPU ``units`` as the number of cores that documents hold (``2``, ``0.31``)."""
    whole, rest = divmod(units, CORE)
    return float(Decimal(units) / CORE) if rest else whole


def format_cpu(units: int) -> str:
    """Spell CPU ``units`` as cores with no needless decimals: ``2``, ``0.31``."""
    return f"{Decimal(units) / CORE:f}".rstrip("0").rstrip(".") if units % CORE else str(units // CORE)
