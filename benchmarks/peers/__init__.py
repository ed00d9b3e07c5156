"""What a user would pick instead, each doing the same job: seven durable steps, one after the other, that do nothing.

These modules run with a Python of their own (``.venv-peers``; requirements/peers.txt) and know nothing of Maquette:
``python -m benchmarks.peers.NAME URL FOLDER JOBS`` prepares a database that is empty, submits the jobs, lets two
worker processes do them, checks that every step was done, and prints ``{"steps": 7000, "seconds": 31.2}``. The
seconds go from the first step's start to the last one's end, by the times that the peer itself records.
"""
