"""A JobManager that is killed, with ZooKeeper and a standby: how long until the job runs, and where.

    python bench/real/high_availability.py [--runs 5] [--write]

ZooKeeper is the one within Flink's own jar. The standby is a second JobManager with the options of the first
and ports of its own. Killed is the leader, by SIGKILL; measured are the seconds until the standby says that
every subtask is RUNNING again. Nobody starts anything. Then `planner verify` compares the cluster with the
placement at the standby's address.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from command import ROOT, planner

from planner.cluster.errors import RestError
from planner.cluster.rest import Rest, jobs, running_job
from planner.cluster.standalone import Standalone, read
from planner.flink.jvm import flink_jars, java

OUTPUT = ROOT / "docs/benchmarks/high_availability.md"
SECONDS = 180.0
SCRIPT = """SET 'execution.checkpointing.interval' = '2 s';
SET 'execution.checkpointing.dir' = 'file://{folder}/checkpoints';
CREATE TABLE s (n BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '100');
CREATE TABLE k (m BIGINT, c BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO k SELECT MOD(n, 100), COUNT(*) FROM s GROUP BY MOD(n, 100);
"""
CLUSTER = """apiVersion: planner/v1
kind: Cluster
metadata: {name: c}
spec:
  taskManagerClasses:
    - {name: large, count: 1, cpu: 2, memory: {process: 1500 mb}, slots: 6}
    - {name: small, count: 2, cpu: 1, memory: {process: 1200 mb}, slots: 3}
"""


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class ZooKeeper:
    """ZooKeeper in a process of its own, from Flink's jar."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        config = folder / "zoo.cfg"
        peers = f"localhost:{free_port()}:{free_port()}"
        config.write_text(
            f"dataDir={folder / 'zookeeper'}\nclientPort={self.port}\nadmin.enableServer=false\n"
            f"tickTime=500\ninitLimit=10\nsyncLimit=5\nserver.1={peers}\n"
        )
        command = [java(), "-cp", os.pathsep.join(map(str, flink_jars()))]
        peer = "org.apache.flink.runtime.zookeeper.FlinkZooKeeperQuorumPeer"
        self.process = subprocess.Popen(
            [*map(str, command), peer, "--zkConfigFile", str(config), "--peerId", "1"],
            stdout=(folder / "zookeeper.log").open("w"),
            stderr=subprocess.STDOUT,
        )
        end = time.monotonic() + 30
        while time.monotonic() < end:
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.1)
        raise RuntimeError("ZooKeeper does not listen")

    def end(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()


def standby(cluster: Standalone, folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    """Start a second JobManager like the first, on other ports; return it and its REST address."""
    pid = cluster.running()["jobmanager"]
    command = [os.fsdecode(one) for one in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]]
    environment = dict(
        os.fsdecode(one).partition("=")[::2]
        for one in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")[:-1]
    )
    place = command.index("--configDir") + 1
    conf = folder / "standby"
    shutil.copytree(command[place], conf)
    ports = {str(port): str(free_port()) for port in (cluster.ports.rest, cluster.ports.rpc)}
    for path in conf.iterdir():
        text = path.read_text()
        for old, new in ports.items():
            text = re.sub(rf"\b{old}\b", new, text)
        path.write_text(text)
    command[place] = str(conf)
    log = (folder / "standby.log").open("w")
    process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT, cwd=folder)
    return process, f"http://127.0.0.1:{ports[str(cluster.ports.rest)]}"


def one(folder: Path) -> tuple[float, str]:
    """Return the seconds until the job runs under the standby, and what verify says."""
    (folder / "job.sql").write_text(SCRIPT.format(folder=folder))
    (folder / "cluster.yaml").write_text(CLUSTER)
    planner(folder, "compile", "job.sql", "-D", "parallelism.default=3", "-o", "job.profile.json")
    path = folder / "job.profile.json"
    profile = json.loads(path.read_text())
    for node in profile["nodes"]:
        if "Aggregate" in node["desc"]:
            node["profile"]["group"] = "count"
    profile["ssgProfiles"] = [
        {"name": "default", "cpu": 0.2, "heap": "96 mb"},
        {"name": "count", "cpu": 0.3, "heap": "96 mb", "managed": {"STATE_BACKEND": "32 mb"}},
    ]
    path.write_text(json.dumps(profile))
    planner(folder, "place", "job.profile.json", "-o", "job.placement.json")
    keeper = ZooKeeper(folder)
    second = None
    try:
        options = {
            "high-availability.type": "zookeeper",
            "high-availability.zookeeper.quorum": f"localhost:{keeper.port}",
            "high-availability.storageDir": f"file://{folder}/ha",
            "high-availability.cluster-id": "/c",
        }
        planner(folder, "up", *(part for key, value in options.items() for part in ("-D", f"{key}={value}")))
        cluster = read(folder / ".planner")
        assert cluster is not None
        second, address = standby(cluster, folder)
        planner(folder, "run", "job.sql")
        (job,) = jobs(Rest(cluster.url))
        time.sleep(6)  # a checkpoint or two
        began = time.monotonic()
        os.kill(cluster.running()["jobmanager"], signal.SIGKILL)
        while time.monotonic() < began + SECONDS:
            try:
                if running_job(Rest(address), job).running:
                    break
            except RestError:
                pass
            time.sleep(0.1)
        else:
            raise RuntimeError(f"the job does not run after {SECONDS:.0f} s")
        seconds = time.monotonic() - began
        said = planner(folder, "verify", "job.placement.json", "--rest", address, "--job", job)
        return seconds, said.strip().splitlines()[-1]
    finally:
        if second is not None:
            second.kill()
            second.wait()
        planner(folder, "down")
        keeper.end()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--write", action="store_true", help=f"write {OUTPUT.relative_to(ROOT)}")
    asked = parser.parse_args()
    found = []
    for number in range(asked.runs):
        with tempfile.TemporaryDirectory() as folder:
            seconds, said = one(Path(folder))
        print(f"run {number + 1}: RUNNING after {seconds:.1f} s; {said}", flush=True)
        found.append((seconds, said))
    times = [seconds for seconds, _ in found]
    row = (
        f"| {len(found)} | {statistics.median(times):.1f} | {max(times):.1f} |"
        f" {sum('as planned' in said for _, said in found)} of {len(found)} |"
    )
    table = f"| runs | median, s | worst, s | `planner verify` as planned |\n|--:|--:|--:|--:|\n{row}\n"
    print(table)
    if asked.write:
        head = OUTPUT.read_text(encoding="utf-8").partition("| runs |")[0]
        OUTPUT.write_text(head + table, encoding="utf-8")


if __name__ == "__main__":
    main()
