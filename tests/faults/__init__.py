"""The fault suite: what is tried to break the product, and what was lost (docs/faults.md)."""
