"""The speed claims, each against a baseline or the limit of the machine."""
