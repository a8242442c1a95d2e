"""The savers that people already use, taught to carry the label to the file."""
