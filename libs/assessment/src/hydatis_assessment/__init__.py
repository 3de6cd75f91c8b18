"""What a cluster wastes and what could be saved, from its own metrics: read, kept on disk, and judged."""
