"""Requests and responses as Pydantic models: what the API takes, and what OpenAPI says that it gives.

Requests are validated by them. Responses are written by ``present`` and checked against them in the tests, not
at run time: validating one's own answer costs more than making it.
"""
