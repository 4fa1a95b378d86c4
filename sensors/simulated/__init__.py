"""The simulated robot: one room, one script, five senses, the same bytes for the same seed."""
