"""gRPC: one servicer file a service, the stages before it, the table of errors."""
