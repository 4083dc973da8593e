"""One writer for each log: turns commands into durable entries."""
