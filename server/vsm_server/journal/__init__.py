"""Where logs are kept: the port and its adapters."""
