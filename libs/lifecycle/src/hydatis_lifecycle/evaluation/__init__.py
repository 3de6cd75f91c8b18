"""Whether a candidate is worth more than the champion: verdicts from paired losses, and what the business says."""
