"""The levels of the objective after the highest CPU utilisation, and packing before it."""
