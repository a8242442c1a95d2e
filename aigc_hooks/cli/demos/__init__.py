"""``aigc-hooks demo``: tiny models with random weights, whose outputs carry both labels."""
