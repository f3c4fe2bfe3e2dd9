"""The fault harness: real processes, killed, stopped, cut off and fed poison; then five records are compared."""
