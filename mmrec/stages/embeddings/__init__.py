"""embeddings: one vector an item and modality, computed only where a key has none."""
