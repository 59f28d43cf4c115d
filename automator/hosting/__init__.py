"""The media host: files at a public address while a provider fetches them."""
