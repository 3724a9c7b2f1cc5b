"""What a person or a CI system sees."""
