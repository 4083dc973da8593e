"""Client of a viable system server: report, watch, answer."""
