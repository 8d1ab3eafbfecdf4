"""What is kept: cases, drafts, links, provenance."""
