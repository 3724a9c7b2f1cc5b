"""What one screen works on: the files it was given, the placements so far, and the search that runs."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from planner import api
from planner.documents.sensitive import masked_user_info
from planner.documents.write import digest
from planner.report.html import page
from planner.ui.draft import Draft, Edit, draft_of
from planner.ui.edited_file import Changed, EditedFile, Refused, digest_of, replace
from planner.ui.search import Search, begin
from planner.ui.sent import draft_data

MODES = (api.Mode.NONE, api.Mode.SLOTS, api.Mode.MIN_RESOURCES, api.Mode.TASKS)
KEPT = 20
"""How many placements are kept; the oldest go, but not that of a file."""


@dataclass(frozen=True)
class Shown:
    """A placement that the screen can show, and where it comes from."""

    name: str
    label: str
    placement: api.Placement
    cluster: api.Cluster | None
    of_file: bool = False


class Workspace:
    """A job or profile in a file, the cluster and the placement beside it; ``rest`` is where it runs.

    Only ``job`` and ``target``, the file of the placement, are ever written, and only to save them.
    """

    def __init__(
        self,
        job: Path,
        cluster: api.Cluster | None = None,
        target: Path | None = None,
        rest: str | None = None,
    ) -> None:
        self.file = EditedFile(job)
        self.cluster = cluster
        self.target = target
        self.rest = rest
        self.shown: dict[str, Shown] = {}
        self.search: Search | None = None
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._target = digest_of(target)
        self._outlines: dict[str, dict[str, Any]] = {}
        self._named = 0
        self._saved: str | None = None

    def draft(self, edits: Sequence[Edit], base: str | None = None) -> tuple[Draft, str, str]:
        """Return the draft with ``edits`` in the file, the file's text and the digest of it.

        ``base`` is the digest of the file as the edits began; None takes the file as it is.

        Raises:
            Changed: when the file is another one now, and what it was is not known any more.

        """
        text, digest = self.file.read()
        if base is not None and base != digest:
            known = self.file.as_it_was(base)
            if known is None:
                raise Changed(digest, "")
            text = known
        return draft_of(text, self.file.name, edits, self.cluster), text, digest

    def state(self, edits: Sequence[Edit], base: str | None, show: str | None) -> dict[str, Any]:
        """Return what the screen shows of a draft, with the placement named ``show``, or the newest one."""
        draft, text, disk = self.draft(edits, base)
        job = draft.job
        found: dict[str, Any] | None = None
        problem = None
        with self._lock:
            shown = dict(self.shown)
        chosen = shown.get(show) if show else None
        current: list[str] = []
        if job is not None:
            try:
                profile = draft.profile or api.compile(job)
                made_from = digest(profile)
                current = [
                    name
                    for name, one in shown.items()
                    if one.placement.inputs.profile == made_from and self._is_here(one)
                ]
                if chosen is None:
                    newest = current or list(shown)
                    chosen = shown[newest[-1]] if newest else None
                fresh = chosen is not None and chosen.name in current
                planned = chosen.placement if chosen and fresh else None
                found = {
                    "profile": api.to_data(api.shared_profile(profile, planned)),
                    "placement": self._outline(chosen) if chosen else None,
                    "recovery": None,
                    "zones": api.zones(self.cluster),
                    "earlier": [],
                }
            except api.PlannerError as error:
                problem = str(error)
        return {
            **draft_data(draft, text, self.file.name),
            "file": self.file.name,
            "key": hashlib.sha256(os.fsencode(self.file.path.resolve())).hexdigest()[:16],
            "base": base or disk,
            "disk": disk,
            "target": api.legible(self.target.name) if self.target else None,
            "cluster": self.cluster.metadata.name if self.cluster else None,
            "rest": masked_user_info(self.rest) if self.rest else None,
            "data": found,
            "problem": problem,
            "shown": chosen.name if chosen else None,
            "placements": [
                {
                    "name": one.name,
                    "label": self._label(one),
                    "highest": one.placement.imbalance.max,
                    "current": one.name in current,
                    "saved": one.name == self._saved or (one.of_file and self._saved is None),
                    "elsewhere": not self._is_here(one),
                }
                for one in shown.values()
            ],
        }

    def _label(self, shown: Shown) -> str:
        """Return what a placement is called: as its file, where it is what that holds now."""
        file = api.legible(self.target.name) if self.target else ""
        if shown.name == self._saved:
            return f"{file}, {shown.label}" if shown.label != file else file
        if shown.of_file and self._saved is not None:
            return f"{shown.label} as it was"
        return shown.label

    def _is_here(self, shown: Shown) -> bool:
        """Tell whether a placement is of the cluster that was named, or of one that was made from it."""
        if not shown.of_file or self.cluster is None:
            return True
        return shown.placement.inputs.cluster == digest(self.cluster)

    def _outline(self, shown: Shown) -> dict[str, Any]:
        """Return a placement without its slots, which `slots` tells of one TaskManager."""
        found = self._outlines.get(shown.name)
        if found is None:
            found = self._outlines[shown.name] = api.to_data(api.shared(shown.placement, slots=False))
        return found

    def slots(self, name: str, task_manager: str) -> list[dict[str, Any]]:
        """Return the slots that a placement has on a TaskManager.

        Raises:
            Refused: when there is no such placement.

        """
        there = self._placement(name).placement.task_managers
        return [api.to_data(slot) for tm in there if tm.id == task_manager for slot in tm.slots]

    def recovery(self, edits: Sequence[Edit], base: str, name: str) -> dict[str, Any]:
        """Return the recovery plan of a placement, and the placement with its slots.

        Raises:
            Refused: when there is no such placement, or the job has errors.

        """
        job, shown = self._job(edits, base), self._placement(name)
        return {
            "recovery": api.to_data(api.recover(job, shown.placement, shown.cluster)),
            "placement": api.to_data(api.shared(shown.placement)),
        }

    def report(self, edits: Sequence[Edit], base: str, name: str) -> dict[str, str]:
        """Return a report of a placement as one HTML page, and what to call the file.

        Raises:
            Refused: when there is no such placement, or the job has errors.
            PlacementMismatch: when the placement is of the job before other edits.

        """
        job, shown = self._job(edits, base), self._placement(name)
        data = api.report(job, shown.placement, shown.cluster)
        called = f"{shown.placement.metadata.name}.report.html"
        return {"name": called, "page": page(data, shown.placement.outline())}

    def digest(self) -> str | None:
        """Return the digest of the job's file, None where it cannot be read."""
        return digest_of(self.file.path)

    def save_job(self, edits: Sequence[Edit], base: str) -> str:
        """Write the edits into the job's file and return its digest.

        Raises:
            Changed: when the file is not the one that the edits began with; it is left alone.
            Refused: when an edit cannot be made, or the file cannot be written.

        """
        with self._writing:
            text, disk = self.file.read()
            if disk != base:
                raise self.file.since(base)
            draft = draft_of(text, self.file.name, edits)
            if draft.refused:
                raise Refused(draft.refused[0].reason)
            return self.file.write(draft.text, base)  # which looks again: a draft takes its time

    def save_placement(self, name: str) -> None:
        """Write a placement into the file that was named for it.

        Raises:
            Refused: when no file was named, there is no such placement, or it cannot be written.

        """
        if self.target is None:
            raise Refused("no file was named for the placement; start planner ui with --placement FILE")
        placement = self._placement(name).placement
        if placement.strategy is not None:
            raise Refused("a simulation of Flink's scheduler is not a placement to run")
        with self._writing:
            there = digest_of(self.target)
            if there != self._target:
                self._target = there
                raise Refused(f"{self.target.name} was changed by somebody else; save again to replace it")
            replace(self.target, api.to_json(api.to_data(placement)))
            self._target = digest_of(self.target)
            self._saved = name

    def add(
        self,
        label: str,
        placement: api.Placement,
        cluster: api.Cluster | None = None,
        *,
        of_file: bool = False,
    ) -> str:
        """Keep a placement to show, and return what it is called.

        ``cluster`` is what it was made for, where that is another one than that of the screen.
        """
        with self._lock:
            self._named += 1
            name = f"p{self._named}"
            self.shown[name] = Shown(name, label, placement, cluster or self.cluster, of_file)
            while len(self.shown) > KEPT:
                gone = next(name for name, one in self.shown.items() if not one.of_file)
                del self.shown[gone]
                self._outlines.pop(gone, None)
        return name

    def _placement(self, name: str) -> Shown:
        shown = self.shown.get(name)
        if shown is None:
            raise Refused("this placement is not kept any more")
        return shown

    def _job(self, edits: Sequence[Edit], base: str) -> api.Job | api.ResourceProfile:
        job = self.draft(edits, base)[0].job
        if job is None:
            raise Refused("mend the errors of the job first")
        return job

    def _places(self) -> api.Cluster:
        if self.cluster is None:
            raise Refused("no cluster was named; start planner ui with --cluster FILE")
        return self.cluster

    def balance(self, edits: Sequence[Edit], base: str, seconds: float, previous: str | None) -> None:
        """Begin to place the draft; near a ``previous`` placement, with few moves, where one is named.

        Raises:
            Refused: when a search runs, there is no cluster, or the job has errors.

        """
        job, cluster = self._job(edits, base), self._places()
        before = self._placement(previous).placement if previous else None
        label = "fewest moves" if before else "balanced"

        def work(search: Search) -> None:
            clock = api.Clock(api.Stop(seconds, interrupted=search.stopped.is_set))
            placement = api.place(job, cluster, previous=before, progress=search.note, clock=clock)
            search.result = self.add(
                f"{label}{', stopped early' if search.stopped.is_set() else ''}", placement
            )

        self._begin(label, work)

    def drain(self, edits: Sequence[Edit], base: str, name: str, task_manager: str) -> None:
        """Begin to place the draft without one TaskManager, with the fewest moves from a placement.

        Raises:
            Refused: as for `balance`.

        """
        job, cluster, before = self._job(edits, base), self._places(), self._placement(name)

        def work(search: Search) -> None:
            placement, left = api.drain(
                job,
                before.cluster or cluster,
                before.placement,
                [task_manager],
                progress=search.note,
                interrupted=search.stopped.is_set,
            )
            search.result = self.add(f"without {task_manager}", placement, left)

        self._begin(f"draining {task_manager}", work)

    def deviations(self, edits: Sequence[Edit], base: str, name: str) -> list[dict[str, Any]]:
        """Return what the running cluster does otherwise than a placement says.

        Raises:
            Refused: when no cluster was named, there is no such placement, or the job has errors.
            RestError: when the cluster does not answer.

        """
        placement, profile = self._placement(name).placement, api.compile(self._job(edits, base))
        found = api.verify(placement, profile, rest=self._address())
        return [
            {
                "where": one.where,
                "what": one.what,
                "planned": one.planned,
                "actual": one.actual,
                "covered": one.covered,
            }
            for one in found
        ]

    def measure(self, edits: Sequence[Edit], base: str, seconds: float) -> None:
        """Begin to measure the load of the running job.

        Raises:
            Refused: when no cluster was named, a search runs, or the job has errors.

        """
        job, address = self._job(edits, base), self._address()
        profile = api.compile(job)

        def work(search: Search) -> None:
            def note(text: str) -> None:
                if search.stopped.is_set():
                    raise Refused("stopped; nothing was measured")
                search.step = text

            loaded, measured = api.import_load(profile, rest=address, window=seconds, note=note)
            names = {node.id: str(node.id) for node in loaded.nodes}
            if isinstance(job, api.Job):
                names = {node.id: node.planner.operator for node in loaded.nodes if node.planner}
            loads = {node.id: node.planner.load for node in loaded.nodes if node.planner}
            search.loads = {
                # that of a chain stands with its first operator: the others have none, whatever was declared
                "operators": {names[one]: api.to_data(load) if load else {} for one, load in loads.items()},
                "cores": dict(measured.cores),
            }

        self._begin("measuring", work)

    def _address(self) -> str:
        if self.rest is None:
            raise Refused("no running cluster was named; start planner ui with --rest URL")
        return self.rest

    def _begin(self, what: str, work: Callable[[Search], None]) -> None:
        with self._lock:
            if self.search and self.search.running:
                raise Refused("a search runs already")
            search = self.search = Search(what)
        begin(search, work)

    def searching(self) -> dict[str, Any] | None:
        """Return how the search goes or went, None where none was begun."""
        search = self.search
        return search.data() if search else None

    def stop(self) -> None:
        """Let the search end with what it has."""
        if self.search:
            self.search.stopped.set()

    def move(
        self, edits: Sequence[Edit], base: str, name: str, group: str, source: str, target: str
    ) -> tuple[str, list[str]]:
        """Move one slot by hand; return the placement's name and what it breaks.

        Raises:
            Refused: when there is no cluster, no such placement, or the job has errors.

        """
        job, cluster, before = self._job(edits, base), self._places(), self._placement(name)
        place = before.cluster or cluster
        placement, problems = api.rearrange(job, place, before.placement, group, source, target)
        return ("" if problems else self.add("by hand", placement, place)), problems

    def compared(self, edits: Sequence[Edit], base: str, name: str) -> list[dict[str, Any]]:
        """Return what a placement is compared with: Flink's own scheduler, and the other placements.

        Raises:
            Refused: when there is no cluster, no such placement, or the job has errors.

        """
        job, shown = self._job(edits, base), self._placement(name)
        others: list[tuple[str, api.Placement]] = []
        cluster = shown.cluster or self.cluster
        if cluster is not None:
            for mode in MODES:
                try:
                    simulated = api.simulate(job, cluster, mode)
                    others.append((f"Flink, mode {mode.name}, one simulated order", simulated))
                except api.PlannerError:
                    continue  # what Flink cannot place is not compared
        with self._lock:
            kept = [one for one in self.shown.values() if one.name != shown.name]
        same = shown.placement.inputs.profile
        for one in kept:
            other = "" if one.placement.inputs.profile == same else ", of the job with other edits"
            others.append((self._label(one) + other, one.placement))
        return [
            {"name": label, "placement": api.to_data(api.shared(one, slots=False))} for label, one in others
        ]
