"""Documents whose format others own: Flink's configuration, and what its Kubernetes operator reads."""
