"""Bots: pure strategies, and what they are given and ask for."""
