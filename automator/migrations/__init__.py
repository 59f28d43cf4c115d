"""How a database of an older version becomes one of this: `python -m automator.migrations WHAT` writes a step."""
