"""What validation knows: one rule a class, found by its code."""
