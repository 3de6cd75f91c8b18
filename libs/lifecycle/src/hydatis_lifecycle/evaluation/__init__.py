"""Whether a model is worth more than what is there: champion, baseline, business."""
