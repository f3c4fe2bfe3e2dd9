"""The real code of log, follower and consumption over a store and a broker in memory, under one seeded scheduler."""
