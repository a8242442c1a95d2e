"""What the Measures ask of a provider beyond the labels themselves."""
