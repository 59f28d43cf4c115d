"""Where keys live: the operating system's keyring, or an encrypted file behind the same interface."""
