"""Finished files: models in every format, textures, notes and pictures, written to one folder."""
