"""What several tests stand on: private servers on free ports, started and stopped with them."""
