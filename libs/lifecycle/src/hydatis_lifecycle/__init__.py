"""Decisions about models: artifacts and their manifests."""
