"""Getting large files over HTTP: resumed when the line drops, checked before they take their name.

Nothing in radrag calls this unless the user asked for a download by name.
"""
