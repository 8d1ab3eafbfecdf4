"""A query to ranked cases."""
