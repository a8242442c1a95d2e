"""The visible label in documents on disk: one module per family, each a fixed point of its own edit."""
