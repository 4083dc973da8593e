"""Facts and figures in, metrics out."""
