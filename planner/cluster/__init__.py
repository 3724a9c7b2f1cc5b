"""A running Flink cluster: what it does, and starting, changing and ending it."""
