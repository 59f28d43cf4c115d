"""A soak: twenty bots, three accounts, a market in a hurry, random faults and kills; then the books are compared."""
