"""What the job needs: memory of slots, TaskManagers and JobManagers."""
