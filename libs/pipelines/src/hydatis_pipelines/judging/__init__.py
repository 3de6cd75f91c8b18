"""What candidates lose on days that no model learned from, row by row, beside the champion and what costs nothing."""
