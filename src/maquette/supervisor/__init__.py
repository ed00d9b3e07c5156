"""Processes of an all-in-one installation: embedded PostgreSQL and Maquette's own, kept alive and stopped together."""
