"""Vectors to meaning: ticks, combining, standing queries. Pure functions of event time."""
