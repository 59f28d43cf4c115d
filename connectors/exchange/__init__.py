"""Every exchange that ccxt knows behind one connector, the one matching engine, and an exchange for the sandbox."""
