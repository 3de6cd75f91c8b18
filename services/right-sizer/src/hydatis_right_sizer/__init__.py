"""The right-sizer: an admission webhook for new pods, slow in-place resizes for running ones, relief of hot nodes."""
