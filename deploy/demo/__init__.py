"""The demonstration: a pool of volunteers, a call, everybody applies over HTTP, and then five records are compared."""
