"""Where it goes: slots onto TaskManagers."""
