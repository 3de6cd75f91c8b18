"""Containers for the tests: the machine's own engine or one of theirs, images from a registry or made here."""
