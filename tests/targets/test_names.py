"""Names of a placement as names that Kubernetes takes."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from planner.targets.names import LONGEST, labels

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
NAMES = st.lists(
    st.text("aZ0-_ é/中\n", min_size=1, max_size=100) | st.text("aBc-.0", min_size=1, max_size=70)
)


@given(NAMES, st.integers(12, LONGEST))
def test_labels_are_valid_and_no_two_are_alike(names: list[str], longest: int) -> None:
    found = labels(names, longest, reserved=("jobmanager",))
    assert list(found) == list(dict.fromkeys(names))
    assert len(set(found.values())) == len(found)
    for name, label in found.items():
        assert len(label) <= longest
        assert LABEL.fullmatch(label)
        assert label != "jobmanager"
        if LABEL.fullmatch(name) and len(name) <= longest and name != "jobmanager":
            assert label == name


def test_a_label_tells_what_it_was_made_from() -> None:
    assert labels(["TM_1", "tm-1"])["TM_1"].startswith("tm-1-")
    assert len(labels(["x" * 100])["x" * 100]) == LONGEST


def test_a_label_that_another_name_has_is_not_taken() -> None:
    made = labels(["TM 1"])["TM 1"]
    both = labels([made, "TM 1"])
    assert both[made] == made
    assert both["TM 1"] != made
