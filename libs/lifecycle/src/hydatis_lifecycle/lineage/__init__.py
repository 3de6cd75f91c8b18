"""What came of what: one record per step, whose parents are digests."""
