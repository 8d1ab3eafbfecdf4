"""Images and texts to vectors and findings."""
