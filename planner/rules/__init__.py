"""What planner finds wrong: one module for each prefix of codes, all of them in `planner.rules.registry`."""
