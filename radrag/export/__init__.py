"""One draft to the forms that others read."""
