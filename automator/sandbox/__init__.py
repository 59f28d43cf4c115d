"""The providers' twins, served on loopback, with faults; nothing leaves this machine."""
