"""What right-sized requests save and what they cost, by method: days replayed pod by pod, and nodes under the stock scheduler."""
