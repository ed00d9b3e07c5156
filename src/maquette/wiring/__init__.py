"""What settings lead to: stores and sinks of the installation, and a new one's first project and key."""
