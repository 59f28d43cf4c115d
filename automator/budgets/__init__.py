"""Budgets: how much of each provider limit is used, shared by all processes."""
