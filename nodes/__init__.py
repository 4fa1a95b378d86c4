"""Processes and the bus: plain node classes, and what runs them on Ray or in this process."""
