"""planner: resources, placement and restart plans for Apache Flink jobs."""

__version__ = "0.1.0"
