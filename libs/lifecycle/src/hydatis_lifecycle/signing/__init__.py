"""Signatures of artifacts: what is signed, how it is written down, and how it is checked."""
