"""What runs Hamkke: launcher, command line, demonstration, image."""

VERSION = "0.1.0"
"""Also pyproject.toml's. An image holds the code without its distribution, so nobody else could be asked there."""
