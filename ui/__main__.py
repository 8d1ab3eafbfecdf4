"""``python -m ui``: the server, imported as others import it, so that there is one list of its routes."""

from ui.server import main

main()
