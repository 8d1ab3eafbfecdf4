"""Many studies to drafts: a queue that survives anything, and the workers that empty it."""
