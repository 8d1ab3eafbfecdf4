"""Scores, always beside the baselines."""
