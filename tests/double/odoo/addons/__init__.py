"""The namespace that modules are imported into."""
