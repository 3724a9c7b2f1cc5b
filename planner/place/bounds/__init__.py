"""Lower bounds of the highest CPU utilisation, each with its proof."""
