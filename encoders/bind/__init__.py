"""Binding a modality to a shared space: contrastive training against an anchor, from files and logs."""
