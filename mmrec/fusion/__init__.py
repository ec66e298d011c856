"""From one vector a modality to one vector an item: pure functions on arrays.

Block weights belong to the model's search, so a stored fused vector has every block at mean squared norm 1. Not here:
tables and versions (`mmrec/stages/fused.py`).
"""
