"""Where it runs: what other tools read."""
