"""What a store and a broker promise: the same tests on the real ones and on those of the simulation."""
