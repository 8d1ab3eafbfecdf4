"""Corpora as they are downloaded, to a stream of cases."""
