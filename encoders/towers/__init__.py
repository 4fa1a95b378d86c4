"""The small networks of the shipped model: one tower a modality, each made for its kind of signal."""
