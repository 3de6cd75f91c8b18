"""Decisions about models: manifests, artifacts and versions; the folder they are kept in is an adapter.

The pure part reads no disk and no clock: ``manifest``, ``manifest_json``, ``artifacts`` and ``versions`` take values and give
values. ``adapters`` holds what touches the world.
"""
