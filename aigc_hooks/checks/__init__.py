"""What a file must fulfil, by the ids of the acceptance checklist: one module per kind of label and of content."""
