"""Forms in which encoded sound comes, and how a label is put before or behind it without decoding it."""
