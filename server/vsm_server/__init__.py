"""The viable system server: what units report comes in, facts and signals go out."""
