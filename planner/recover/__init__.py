"""What happens when a part of the job fails or moves."""
