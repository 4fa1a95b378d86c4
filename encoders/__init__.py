"""Samples to Windows to unit vectors: the models, their preprocessing, their weights."""
