"""Model cards, the registry of models, and their weights."""
