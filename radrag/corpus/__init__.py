"""Cases to store and index."""
