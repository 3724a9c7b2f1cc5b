"""The judge: every figure of a placement again, without a solver."""
