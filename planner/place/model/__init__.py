"""What is to be placed on what: slots, TaskManagers, constraints, objective. It knows no solver."""
