"""Questions of those who answer for results: is any query in the index already, and what is found too often."""
