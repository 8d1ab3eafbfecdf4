"""Hits and image findings to report text."""
