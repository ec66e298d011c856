"""The list of assets, and what a run would do and cost."""
