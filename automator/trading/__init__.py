"""Orders and bots: put in, placed once, followed on the books, and stopped."""
