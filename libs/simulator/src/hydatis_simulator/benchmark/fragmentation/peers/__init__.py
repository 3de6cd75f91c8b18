"""The peers of Weng et al. (USENIX ATC 2023), by their published simulator, in our own words: one file each."""
