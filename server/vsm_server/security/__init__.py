"""Who may do what: tokens, zones and conduits."""
