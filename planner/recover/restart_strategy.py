"""The restart strategy that a job's configuration gives (`RestartBackoffTimeStrategyFactoryLoader`)."""

from __future__ import annotations

from collections.abc import Mapping

from planner.documents.recovery import RestartStrategy
from planner.documents.vocabulary import strategy_name

DEFAULTS: dict[str, dict[str, str]] = {
    "none": {},
    "fixed-delay": {"attempts": "1", "delay": "1 s"},
    "failure-rate": {
        "max-failures-per-interval": "1",
        "failure-rate-interval": "1 min",
        "delay": "1 s",
    },
    "exponential-delay": {
        "initial-backoff": "1 s",
        "max-backoff": "1 min",
        "backoff-multiplier": "1.5",
        "reset-backoff-threshold": "1 h",
        "jitter-factor": "0.1",
        "attempts-before-reset-backoff": str(2**31 - 1),
    },
}


def restart_strategy(options: Mapping[str, str]) -> RestartStrategy:
    """Return the strategy of a job: the configured one, else by whether checkpoints are on.

    Raises:
        ValueError: when the configured name is none of Flink's.

    """
    key = next((key for key in ("restart-strategy.type", "restart-strategy") if key in options), None)
    if key is not None:
        name, source = strategy_name(options[key]), key
        if name is None:
            raise ValueError(f"unknown restart strategy {options[key]!r}")
    elif "execution.checkpointing.interval" in options:
        name, source = "exponential-delay", "Flink's default with checkpointing"
    else:
        name, source = "none", "Flink's default without checkpointing"
    prefix = f"restart-strategy.{name}."
    chosen = {key: options.get(prefix + key, default) for key, default in DEFAULTS[name].items()}
    return RestartStrategy(type=name, options=chosen, source=source)
