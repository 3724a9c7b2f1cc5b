"""Placements found: constructed, improved by swaps, and solved by CP-SAT."""
