"""Why a job failed: logs to diagnoses, each with its evidence and what to change."""
