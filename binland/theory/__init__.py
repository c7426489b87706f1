"""Replica theory: what typical solutions of a learning problem are like in the limit of large N."""
