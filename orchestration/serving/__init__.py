"""Serving: a database shows the marts of the current version, beside the published files."""
