"""Placements that stay near a previous one."""
