"""When a TaskManager is restarted: state and event to decision, without a process."""

from __future__ import annotations

import json
import math
import signal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.cluster import supervisor
from planner.cluster.supervisor import (
    FIGURES,
    GAVE_UP,
    HIDDEN,
    MODES,
    NEVER,
    SAMPLES,
    Adjust,
    Asked,
    Canceling,
    Decision,
    Ended,
    Event,
    Measured,
    Settings,
    State,
    Step,
    Tick,
    back_off,
    leak,
    masked,
    out_of_memory,
    read_spec,
    step,
    with_sample,
)
from planner.documents.sensitive import SENSITIVE_KEYS, masked_line

LIMITS = dict.fromkeys(FIGURES, 1000.0)
TERM = int(signal.SIGTERM)
STANDARD, NEW = Settings(), State()


def after(
    *events: Event, settings: Settings = STANDARD, state: State = NEW, adjust: Adjust = NEVER
) -> tuple[State, list[Decision]]:
    """Return the state after events, and what was decided."""
    decisions = []
    for event in events:
        state, decision = step(state, event, settings, LIMITS, adjust)
        decisions += [decision] if decision is not None else []
    return state, decisions


def actions(*events: Event, settings: Settings = STANDARD) -> list[str]:
    return [decision.action for decision in after(*events, settings=settings)[1]]


@pytest.mark.parametrize("code", [1, 2, 3, 127, 134, 137, 139, 143, 239, 255])
def test_an_unexpected_end_is_a_restart_at_once(code: int) -> None:
    state, (_, restart) = after(Tick(0), Ended(1000, code))
    assert (restart.action, restart.seconds, restart.facts["exitCode"]) == ("restart", 0, code)
    assert after(Tick(1000), state=state)[1][0].action == "start"


def test_a_quiet_end_is_the_end() -> None:
    _, (_, decision) = after(Tick(0), Ended(5, 0))
    assert (decision.action, decision.code) == ("exit", 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_asked_to_stop(number: int) -> None:
    _, decisions = after(Tick(0), Asked(5, number), Ended(6, 143), Tick(100))
    assert [decision.action for decision in decisions] == ["start", "stop", "exit"]
    assert (decisions[1].signal, decisions[2].code) == (number, 143)


def test_asked_to_stop_while_it_waits() -> None:
    _, decisions = after(Tick(0), Ended(1, 1), Tick(1), Ended(2, 1), Asked(2.5, TERM), Tick(9))
    assert [decision.action for decision in decisions] == ["start", "restart", "start", "restart", "exit"]
    assert decisions[-1].code == 143


def test_other_signals_are_passed_on() -> None:
    assert actions(Tick(0), Asked(1, signal.SIGQUIT), Ended(2, 1), Asked(2, signal.SIGQUIT)) == [
        "start", "forward", "restart",
    ]  # fmt: skip


def test_what_does_not_end_is_killed_after_the_grace_period() -> None:
    settings = Settings(grace=7)
    assert actions(Tick(0), Asked(10, TERM), Tick(16.9), settings=settings) == ["start", "stop"]
    assert actions(Tick(0), Asked(10, TERM), Tick(17), Tick(99), settings=settings) == [
        "start",
        "stop",
        "kill",
    ]


def test_the_back_off_grows_and_a_stable_run_resets_it() -> None:
    settings = Settings(restarts=100)
    state, delays, at = State(), [], 0.0
    for seconds in (1, 1, 1, 1, 1, 1, 1, 1, 1, 300, 1):
        state, _ = step(state, Tick(at), settings, {})
        at += seconds
        state, decision = step(state, Ended(at, 1), settings, {})
        assert decision is not None
        delays.append(decision.seconds)
        at += decision.seconds
    assert delays == [0, 1, 2, 4, 8, 16, 32, 60, 60, 0, 1]


def test_it_gives_up_after_so_many_restarts_in_the_window() -> None:
    settings = Settings(restarts=2, restart_window=100, back_off=0)
    events = [Tick(0), Ended(1, 1), Tick(1), Ended(2, 1), Tick(2)]
    _, decisions = after(*events, Ended(100.9, 137), settings=settings)
    assert (decisions[-1].action, decisions[-1].code) == ("give-up", GAVE_UP)
    assert after(*events, Ended(101, 137), settings=settings)[1][-1].action == "restart"


def test_a_cancellation_over_the_limit() -> None:
    state, _ = after(Tick(0))
    assert after(Canceling(100, "map (3)", 59.9), state=state)[1] == []
    ending, (decision,) = after(Canceling(100, "map (3)", 60), state=state)
    assert (decision.action, decision.signal) == ("end", TERM)
    assert decision.facts == {"reason": "cancellation", "subtask": "map (3)", "seconds": 60, "limit": 60.0}
    assert [one.action for one in after(Tick(110), Ended(111, 137), Tick(111), state=ending)[1]] == [
        "kill", "restart", "start",
    ]  # fmt: skip


def test_a_cancellation_of_the_process_before_this_one_is_not_meant() -> None:
    state, _ = after(Tick(0), Ended(10, 137), Tick(10))
    assert after(Canceling(80, "map (3)", 75), state=state)[1] == []
    assert after(Canceling(80, "map (3)", 65), state=state)[1] != []


def test_what_was_restarted_too_often_is_left_alone_and_said_once() -> None:
    settings = Settings(restarts=0)
    events = [Tick(0), Canceling(100, "map (1)", 70), Canceling(110, "map (1)", 80)]
    assert actions(*events, settings=settings) == ["start", "leave"]
    assert actions(*events, Ended(120, 1), settings=settings) == ["start", "leave", "give-up"]


def measured(values: list[float], every: float = 5.0, figure: str = "direct") -> list[Measured]:
    return [Measured((n + 1) * every, {figure: value}) for n, value in enumerate(values)]


@pytest.mark.parametrize("figure", FIGURES)
def test_a_leak_is_ended_before_the_limit(figure: str) -> None:
    rising = [500 + 1.5 * n for n in range(330)]
    _, decisions = after(Tick(0), *measured(rising, figure=figure))
    assert [decision.action for decision in decisions] == ["start", "end", "kill"]
    assert decisions[1].facts["reason"] == "leak"
    assert decisions[1].facts["figure"] == figure


def test_what_is_not_known_or_has_no_limit_does_not_leak() -> None:
    events = measured([500 + 1.5 * n for n in range(330)])
    assert [step(state, event, Settings(), {"resident": 1.0})[1] for state, event in
            zip([State(phase="running")] * len(events), events, strict=True)] == [None] * len(events)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(
    start=st.floats(0, 1),
    filled=st.sampled_from([("resident", 0.97), ("direct", 0.95), ("metaspace", 0.95), ("threads", 0.95)]),
    end=st.floats(0, 1),
    ramp=st.integers(1, 200),
    noise=st.lists(st.floats(0, 0.005), min_size=300, max_size=300),
)
def test_a_figure_that_fills_once_is_left_alone(
    start: float, filled: tuple[str, float], end: float, ramp: int, noise: list[float]
) -> None:
    figure, most = filled
    low, high = start * end * most, end * most
    values = [1000 * min(high, low + (high - low) * n / ramp) + noise[n] for n in range(300)]
    assert actions(Tick(0), *measured(values, figure=figure)) == ["start"]


@settings(max_examples=20, deadline=None)
@given(floor=st.floats(0, 1), height=st.floats(0, 1), period=st.integers(2, 20))
def test_what_garbage_collection_takes_back_is_no_leak(floor: float, height: float, period: int) -> None:
    values = [1000 * min(1.0, floor + height * (n % period) / period) for n in range(300)]
    assert actions(Tick(0), *measured(values)) == ["start"]


@pytest.mark.parametrize("rate", [0.03, 0.1, 0.3, 0.6, 0.9])
def test_every_steady_leak_that_leaves_time_is_found(rate: float) -> None:
    """At a rate (thousandths of the limit a second) that leaves a third of the window above the share."""
    series: supervisor.Series = ()
    at = value = 0.0
    while value < 900 or leak(series, 1000, 0.9, 300) is None:
        at, value = at + 5, 400 + rate * (at + 5)
        assert value < 1000, "the limit was reached unseen"
        series = with_sample(series, at, value)
    assert value >= 900


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(0, 1e12), max_size=1500))
def test_samples_are_bounded_and_keep_floor_start_and_end(values: list[float]) -> None:
    series: supervisor.Series = ()
    for n, value in enumerate(values):
        series = with_sample(series, float(n), value)
    assert len(series) <= SAMPLES
    if values:
        assert min(value for _, value in series) == min(values)
        assert series[0][0] == 0
        assert series[-1] == (len(values) - 1, values[-1])
        assert [when for when, _ in series] == sorted({when for when, _ in series})


def change(option: str) -> dict[str, str]:
    return {"option": option, "from": "1b", "to": "2b"}


def a_step(option: str, takes: tuple[str, ...] = (), **then: Step) -> Step:
    return Step((change(option),), {f"{option}=1b": f"{option}=2b"}, {}, takes, then)


STEPS = {
    "direct": a_step("direct", ("heap",), heap=a_step("heap")),
    "heap": a_step("heap", direct=a_step("direct")),
}
KINDS = ["heap", "direct", "metaspace", "threads", "container"]


def ran_out(*kinds: str, every: float = 100.0, mode: str = "apply", **settings: float) -> list[Decision]:
    """Return what is changed where one kind of memory runs out after the other."""
    state, decided = NEW, []
    chosen = Settings(restarts=100, **settings)  # type: ignore[arg-type]
    for number, kind in enumerate(kinds):
        at = number * every
        events = (Tick(at + 60), Ended(at + 61, 3, kind))
        state, decisions = after(*events, settings=chosen, state=state, adjust=Adjust(mode, STEPS))
        decided += [decision.then for decision in decisions if decision.then is not None]
    return decided


def test_memory_that_runs_out_is_adjusted_once_and_taken_back_where_that_does_not_help() -> None:
    (adjust,) = ran_out("direct")
    assert (adjust.action, adjust.facts) == ("adjust", {"memory": "direct", "changes": [change("direct")]})
    (_, back) = ran_out("direct", "direct", "direct")
    undone = {"option": "direct", "from": "2b", "to": "1b"}
    assert back.action == "take-back"
    assert back.facts == {"memory": "direct", "changes": [undone], "afterSeconds": 100}
    assert "did not help" in back.seen


def test_a_change_that_held_for_the_window_stays() -> None:
    assert [one.action for one in ran_out("direct", "direct", restart_window=99)] == ["adjust"]
    assert [one.action for one in ran_out("direct", "direct", restart_window=101)] == ["adjust", "take-back"]


def test_a_change_that_took_what_runs_out_now_is_taken_back() -> None:
    (_, back, heap) = ran_out("direct", "heap", "heap")
    assert (back.action, back.facts["memory"]) == ("take-back", "heap")
    assert "took it for direct memory" in back.seen
    assert heap.action == "adjust"
    assert [one.action for one in ran_out("heap", "direct")] == ["adjust", "adjust"]


def test_what_was_changed_after_a_change_that_goes_goes_too_and_may_come_again() -> None:
    decided = ran_out("heap", "direct", "heap", "direct")
    assert [one.action for one in decided] == ["adjust", "adjust", "take-back", "adjust"]
    assert decided[2].facts["changes"] == [
        {"option": name, "from": "2b", "to": "1b"} for name in ("direct", "heap")
    ]
    assert decided[3].facts["memory"] == "direct"


def test_a_proposal_is_made_once_and_changes_nothing() -> None:
    decided = ran_out("direct", "direct", "heap", mode="propose")
    assert [(one.action, one.facts["memory"]) for one in decided] == [
        ("propose", "direct"),
        ("propose", "heap"),
    ]
    assert ran_out("direct", mode="off") == []


def test_where_no_step_is_known_that_is_said_once() -> None:
    assert [one.action for one in ran_out("threads", "threads")] == ["keep"]


def test_a_leak_is_adjusted_as_well() -> None:
    steps = {"container": a_step("overhead"), "direct": a_step("direct")}
    for figure, kind in (("resident", "container"), ("direct", "direct")):
        rising = measured([500 + 1.5 * n for n in range(330)], figure=figure)
        ending = [Ended(2000, 143)]
        _, decisions = after(Tick(0), *rising, *ending, adjust=Adjust("apply", steps))
        (then,) = [one.then for one in decisions if one.then is not None]
        assert (then.action, then.facts["memory"]) == ("adjust", kind)
        assert "leaked" in then.seen


def test_what_was_not_of_memory_is_not_adjusted() -> None:
    adjust = Adjust("apply", STEPS)
    cancelled = [Tick(0), Canceling(100, "map (1)", 70), Ended(105, 143), Tick(105), Ended(300, 1)]
    assert [one.then for one in after(*cancelled, adjust=adjust)[1]] == [None] * 5
    assert after(Tick(0), Asked(5, TERM), Ended(6, 3, "direct"), adjust=adjust)[1][-1].then is None


@given(st.lists(st.tuples(st.floats(1, 5000), st.sampled_from(KINDS)), max_size=30), st.sampled_from(MODES))
def test_however_memory_runs_out(ends: list[tuple[float, str]], mode: str) -> None:
    """Only known steps are taken, what is told is what is done, and it comes to an end."""
    state, at, adjust, told = NEW, 0.0, Adjust(mode, STEPS), []
    for seconds, kind in ends:
        before = state.way
        events = (Tick(at), Ended(at + seconds, 3, kind))
        state, decisions = after(*events, settings=Settings(restarts=100), state=state, adjust=adjust)
        at = state.until
        then = decisions[-1].then
        told += [then.action] if then else []
        assert not state.way or adjust.step(state.way) is not None
        if then is None or then.action in ("propose", "keep"):
            assert state.way == before
        elif then.action == "adjust":
            assert state.way == (*before, kind)
        else:
            assert state.way == before[: len(state.way)] != before
    if mode != "apply":
        assert set(told) <= {"propose", "keep"}
    assert len(told) <= 3 * len(KINDS)


NEXT = st.one_of(
    st.builds(Tick, st.just(0.0)),
    st.builds(Ended, st.just(0.0), st.sampled_from([0, 1, 137, 143])),
    st.builds(Asked, st.just(0.0), st.sampled_from([TERM, int(signal.SIGQUIT), int(signal.SIGHUP)])),
    st.builds(Canceling, st.just(0.0), st.just("map (1)"), st.floats(0, 200)),
    st.builds(Measured, st.just(0.0), st.fixed_dictionaries({"direct": st.floats(0, 1000)})),
)


@given(
    events=st.lists(st.tuples(st.floats(0, 120), NEXT), max_size=60),
    settings=st.builds(
        Settings, grace=st.floats(0, 30), restarts=st.integers(0, 3), restart_window=st.floats(1, 1000)
    ),
)
def test_whatever_happens(events: list[tuple[float, Any]], settings: Settings) -> None:
    at, alive, over, asked, starts = 0.0, False, False, False, []
    state = State()
    for seconds, event in events:
        at += seconds
        event = type(event)(at, *[getattr(event, name) for name in type(event).__slots__[1:]])
        if isinstance(event, Ended) and not alive:
            continue  # only what runs can end
        due = alive and state.phase in ("ending", "stopping") and at >= state.until
        state, decision = step(state, event, settings, LIMITS)
        action = decision.action if decision else None
        assert not (over and action), "nothing is done after the end"
        if isinstance(event, Ended):
            alive = False
            assert action in ("restart", "exit", "give-up")
        elif due and isinstance(event, Tick):
            assert action == "kill"
        if action == "start":
            assert not alive
            assert not asked
            starts.append(at)
            alive = True
        elif action == "restart":
            assert decision is not None
            assert 0 <= decision.seconds <= settings.longest_back_off
            assert state.until == pytest.approx(at + decision.seconds)
            assert not asked
        elif action in ("exit", "give-up"):
            assert not alive
            over = True
        elif action in ("stop", "end", "kill", "forward", "leave"):
            assert alive
        asked = asked or action == "stop"
    if settings.restarts == 0:
        assert len(starts) <= 1
    for first in starts:
        within = [one for one in starts if first <= one < first + settings.restart_window]
        assert len(within) <= settings.restarts + 1


@given(st.integers(0, 2000))
def test_the_back_off_is_bounded(failures: int) -> None:
    settings = Settings()
    assert 0 <= back_off(failures, settings) <= back_off(failures + 1, settings) <= settings.longest_back_off


@pytest.mark.parametrize(
    ("code", "kills", "line", "kind"),
    [
        (137, 1, "", "container"),
        (137, 0, "java.lang.OutOfMemoryError: Java heap space", None),
        (1, 0, "java.lang.OutOfMemoryError: Java heap space", "heap"),
        (
            239,
            0,
            "Caused by: java.lang.OutOfMemoryError: Direct buffer memory. The direct out-of-memory",
            "direct",
        ),
        (
            239,
            0,
            "java.lang.OutOfMemoryError: Cannot reserve 1048576 bytes of direct buffer memory",
            "direct",
        ),
        (255, 0, "java.lang.OutOfMemoryError: Metaspace", "metaspace"),
        (
            1,
            0,
            "java.lang.OutOfMemoryError: unable to create native thread: possibly out of memory",
            "threads",
        ),
        (1, 1, "java.lang.IllegalStateException", None),
    ],
)
def test_which_memory_ran_out(code: int, kills: int, line: str, kind: str | None) -> None:
    assert out_of_memory(code, kills, ["a", line, "b"]) == kind


def test_secrets_are_those_of_documents() -> None:
    assert supervisor.SENSITIVE_KEYS == SENSITIVE_KEYS
    assert supervisor.HIDDEN == HIDDEN


WORDS = st.sampled_from(
    ["s3.secret-key", "password", "user", "=", ":", " ", "hunter2", "--token", "x", "https://u:p@h/", '"']
)


@given(st.lists(WORDS, max_size=12))
def test_nothing_that_documents_hide_is_shown(words: list[str]) -> None:
    line = "".join(words)
    shown, theirs = masked(line), masked_line(line)
    assert shown.count("hunter2") <= theirs.count("hunter2")
    assert "u:p@" not in shown


def test_credentials_are_hidden_wherever_they_stand() -> None:
    assert masked("got abcd1234 from", ["abcd1234"]) == f"got {HIDDEN} from"
    assert masked("--password hunter2") == f"--password {HIDDEN}"


def test_a_specification() -> None:
    spec = read_spec(json.dumps({
        "taskManager": "tm-1", "command": ["a"], "journal": "j", "limits": {"direct": 5},
        "settings": {"cancelLimit": 9, "restarts": 3, "shares": {"direct": 0.5}},
    }))  # fmt: skip
    assert (spec.task_manager, spec.command, spec.journal, spec.limits) == (
        "tm-1",
        ("a",),
        "j",
        {"direct": 5},
    )
    assert (spec.settings.cancel_limit, spec.settings.restarts, spec.settings.grace) == (9, 3, 25.0)
    assert spec.settings.shares == {**Settings().shares, "direct": 0.5}


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("[]", "mapping"),
        ("{", "Expecting"),
        ("{}", "command"),
        ('{"command": []}', "command"),
        ('{"command": ["a\\u0000"]}', "NUL"),
        ('{"command": ["a"]}', "taskManager"),
        ('{"command": ["a"], "taskManager": 1}', "taskManager"),
        ('{"command": ["a"], "taskManager": "t", "journal": 1}', "journal"),
        ('{"command": ["a"], "taskManager": "t", "limits": {"heap": 1}}', "limits.heap"),
        ('{"command": ["a"], "taskManager": "t", "limits": {"direct": 0}}', "limits.direct"),
        ('{"command": ["a"], "taskManager": "t", "settings": {"grace": -1}}', "settings.grace"),
        ('{"command": ["a"], "taskManager": "t", "settings": {"window": 0}}', "settings.window"),
        ('{"command": ["a"], "taskManager": "t", "settings": {"grace": "x"}}', "settings.grace"),
        ('{"command": ["a"], "taskManager": "t", "settings": {"grace": NaN}}', "settings.grace"),
        ('{"command": ["a"], "taskManager": "t", "settings": {"window": Infinity}}', "settings.window"),
        ('{"command": ["a"], "taskManager": "t", "settings": {"shares": {"x": 1}}}', "settings.shares.x"),
        ('{"command": ["a"], "taskManager": "t", "adjust": 1}', "adjust"),
        ('{"command": ["a"], "taskManager": "t", "adjust": {"mode": "always"}}', "adjust.mode"),
        ('{"command": ["a"], "taskManager": "t", "adjust": {"modes": "off"}}', "adjust.modes"),
        ('{"command": ["a"], "taskManager": "t", "adjust": {"steps": {"x": {}}}}', "adjust.steps.x"),
        ('{"command": ["a"], "taskManager": "t", "adjust": {"steps": {"heap": {"word": {}}}}}', "heap.word"),
        ('{"command": ["a"], "taskManager": "t", "adjust": {"steps": {"heap": 1}}}', "adjust.steps.heap"),
        (
            '{"command": ["a"], "taskManager": "t", "adjust": {"steps": {"heap": {"words": {"a": 1}}}}}',
            "adjust.steps.heap.words",
        ),
        (
            '{"command": ["a"], "taskManager": "t", "adjust": {"steps": {"heap": {"changes": [{}]}}}}',
            "adjust.steps.heap.changes",
        ),
        (
            '{"command": ["a"], "taskManager": "t", "adjust": {"steps": {"heap": {"then": {"x": {}}}}}}',
            "adjust.steps.heap.then.x",
        ),
        (
            '{"command": ["a"], "taskManager": "t", "adjust": {"steps": {"heap": {"takes": 1}}}}',
            "adjust.steps.heap",
        ),
    ],
)
def test_a_specification_that_is_not_valid(text: str, where: str) -> None:
    with pytest.raises(ValueError, match=where):
        read_spec(text)


def test_a_wait_that_never_ends_is_not_waited_for() -> None:
    assert math.isfinite(after(Tick(0), Ended(1, 1))[0].until)
