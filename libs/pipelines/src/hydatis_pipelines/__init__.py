"""Steps that make models, and their wiring."""
