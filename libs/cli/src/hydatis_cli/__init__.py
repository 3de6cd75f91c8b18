"""The hydatis command."""
