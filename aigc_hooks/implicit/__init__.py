"""What machines read: the implicit label of GB 45438-2025, clause 6, one module per carrier family."""
