"""A draft in a reader's hands: decisions, signature, addenda."""
