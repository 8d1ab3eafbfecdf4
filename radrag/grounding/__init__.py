"""Report text to claims, and claims to evidence."""
