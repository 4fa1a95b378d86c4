"""How the shipped model was trained: one file a tower, with its data, its augmentation and its task."""
