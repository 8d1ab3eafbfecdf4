"""Report text to sections, sentences and findings."""
