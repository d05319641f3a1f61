"""The cases of ``conformance``, by subject."""
