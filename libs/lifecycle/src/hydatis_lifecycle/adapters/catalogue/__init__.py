"""The catalogue: versions of datasets, who used them, and their files. SQLite and a folder, or PostgreSQL and a mount."""
