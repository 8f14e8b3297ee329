"""The models whose states are decoded: what all share in `base`, and a room for each kind."""
