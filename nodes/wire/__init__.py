"""The wire, version 1: what travels between processes, readable without torch, ray or OpenCV."""
