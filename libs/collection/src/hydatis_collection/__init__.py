"""What a cluster measured, kept for training: raw metrics window by window, node tables as they are streamed."""
