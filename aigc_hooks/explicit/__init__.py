"""What people see and hear: wording and rendering of the explicit label. Knows the standard, no framework."""
