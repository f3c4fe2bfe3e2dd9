"""What a running service tells about itself: logs, metrics, traces. Never who asked, nor what they wrote."""
