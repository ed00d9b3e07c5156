"""Maquette: the backend orchestrator for generative 2D/3D asset pipelines."""

__version__ = "0.1.0"
