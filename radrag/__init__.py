"""radrag drafts chest X-ray reports whose every sentence cites the report sentences that support it."""

__version__ = "0.1.0"
