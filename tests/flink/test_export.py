"""Exported files on Flink's own scripts: what they start is what the placement says."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest
import yaml
from placements import placement, profile, write

import planner
from flink.commands import STOPPED, command
from planner.cluster.answers import TaskManagers
from planner.cluster.processes import free_ports
from planner.cluster.rest import Rest, registered, task_managers
from planner.cluster.verify import deviations
from planner.errors import PlannerError
from planner.flink.jvm import java

pytestmark = [pytest.mark.flink, pytest.mark.extended]
SECONDS = 240.0


@pytest.mark.skipif("PLANNER_PYFLINK" not in os.environ, reason="needs Flink's scripts: make test-all")
def test_processes_of_an_export_are_those_of_the_placement(tmp_path: Path) -> None:
    """JobManager and one TaskManager from a folder of configuration, another one as a pod starts it."""
    find = "import pyflink, os; print(os.path.dirname(pyflink.__file__))"
    interpreter = [os.environ["PLANNER_PYFLINK"], "-c", find]
    home = subprocess.run(interpreter, capture_output=True, text=True, check=True).stdout.strip()
    job = profile()
    planned = placement(job)
    write(tmp_path / "conf", planner.export_flink_conf(planned, job))
    maps = yaml.safe_load_all(planner.export_kubernetes(planned, job)["overlay/placement.yaml"])
    (small,) = (found for found in maps if found["metadata"]["name"].startswith("orders-tm-small-1"))
    write(tmp_path / "pod", small["data"])
    ports = free_ports()
    options = ["-D", f"jobmanager.rpc.port={ports.rpc}", "-D", f"rest.port={ports.rest}"]
    pod = [*options, "-D", "jobmanager.rpc.address=localhost", "-D", "taskmanager.host=localhost"]
    commands = {
        "": [str(tmp_path / "conf/start.sh"), "jobmanager", *options],
        "large-0": [str(tmp_path / "conf/start.sh"), "large-0", *options],
        "Small_1-1": [str(tmp_path / "pod/start.sh"), *pod],
    }
    environment = {
        **os.environ,
        "FLINK_HOME": home,
        "FLINK_LOG_DIR": str(tmp_path),
        "FLINK_PID_DIR": str(tmp_path),
        "HOSTNAME": "orders-tm-small-1",
        "JAVA_HOME": str(Path(java()).parent.parent),
    }
    processes = {}
    try:
        for name, words in commands.items():
            with (tmp_path / f"{name}.said").open("w") as said:
                processes[name] = subprocess.Popen(["sh", *words], env=environment, stdout=said, stderr=said)
        end = time.monotonic() + SECONDS
        while there(ports.url) != {"large-0", "Small_1-1"}:
            assert time.monotonic() < end, {file.name: file.read_text() for file in tmp_path.glob("*.said")}
            time.sleep(0.2)
        found = deviations(planned, task_managers(Rest(ports.url)), None)
        assert [one for one in found if one.actual != "missing"] == []
        for tm in planned.task_managers:
            if tm.id in processes and tm.memory is not None:
                words = command(processes[tm.id].pid)
                assert [one for one in words if one.startswith(("-Xm", "-XX:Max"))] == tm.memory.jvm_arguments
    finally:
        for process in processes.values():
            process.terminate()
        for name, process in processes.items():
            assert process.wait(SECONDS) in STOPPED, name


def there(url: str) -> set[str]:
    """Return the TaskManagers that a JobManager knows, none where it does not answer yet."""
    try:
        return set(registered(Rest(url).get("/taskmanagers", TaskManagers).task_managers))
    except PlannerError:
        return set()
