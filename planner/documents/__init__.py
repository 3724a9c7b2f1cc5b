"""The five documents: Job, ResourceProfile, Cluster, Placement, RecoveryPlan."""
