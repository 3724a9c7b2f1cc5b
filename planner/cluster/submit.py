"""A stream graph into a running cluster."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from planner.cluster.errors import RestError
from planner.flink.jvm import Jvm
from planner.flink.program import has_method, root_cause


def submit(jvm: Jvm, graph: Any, url: str) -> str:
    """Submit a stream graph to the cluster behind a REST address and return the job's id.

    Raises:
        RestError: when the cluster does not take it.

    """
    from py4j.protocol import Py4JJavaError

    flink, parts = jvm.view.org.apache.flink, urlsplit(url)
    options = {
        "rest.address": str(parts.hostname),
        "rest.port": str(parts.port),
        "rest.retry.max-attempts": "2",
    }
    if parts.scheme == "https":
        options["security.ssl.rest.enabled"] = "true"
    configuration = flink.configuration.Configuration.fromMap(options)
    try:
        client = flink.client.program.rest.RestClusterClient(
            configuration, flink.client.deployment.StandaloneClusterId.getInstance()
        )
        try:
            plan = _submittable(jvm, graph)
            return str(client.submitJob(plan).get().toString())
        finally:
            client.close()
    except Py4JJavaError as error:
        raise RestError(
            f"{url} does not take the job: {_server_side(root_cause(error.java_exception))}"
        ) from None


def _submittable(jvm: Jvm, graph: Any) -> Any:
    """Return what a client submits: the stream graph itself since Flink 2.0, a job graph before."""
    flink = jvm.view.org.apache.flink
    if has_method(graph, "serializeUserDefinedInstances"):
        if has_method(graph, "getOptionalJobId") and not graph.getOptionalJobId().isPresent():
            graph.setJobId(flink.api.common.JobID())  # Flink 2.3 leaves it to the client
        graph.serializeUserDefinedInstances()
        return graph
    job = graph.getJobGraph()
    for url in graph.getJobConfiguration().get(flink.configuration.PipelineOptions.JARS) or ():
        job.addJar(flink.core.fs.Path(jvm.view.java.net.URI.create(str(url))))
    return job


def _server_side(message: str) -> str:
    """Return the last cause of a stack trace that a JobManager sent."""
    causes = [line.strip() for line in message.splitlines() if line.strip().startswith("Caused by:")]
    text = causes[-1].removeprefix("Caused by: ") if causes else message.splitlines()[0]
    return text[:500]
