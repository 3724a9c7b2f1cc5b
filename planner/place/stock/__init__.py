"""What Flink's own scheduler would do."""
