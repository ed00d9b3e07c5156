"""Clips for a skeleton: which bone does what, how a body stands, walks and gestures."""
