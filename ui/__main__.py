"""``python -m ui``: the server, imported as others import it, so that there is one list of its routes."""

import logging

from streamlit.logger import get_logger

# Caches that are declared before the server runs are kept in memory, as they would be anyway.
get_logger("streamlit.runtime.caching.cache_data_api").setLevel(logging.ERROR)

from ui.server import main  # noqa: E402 - the warning would come with the import

main()
