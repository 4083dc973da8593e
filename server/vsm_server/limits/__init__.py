"""Rate limits: how much was taken, by key."""
