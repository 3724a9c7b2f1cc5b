"""Real Flink classes, reached through one short-lived JVM; optional (the extra ``flink``)."""
