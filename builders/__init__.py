"""Faces of the library for Hugging Face `datasets`: the only place that imports it."""
