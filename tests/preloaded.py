"""All that a child uses, loaded once in the process that children are forked from, which opens nothing."""

from __future__ import annotations

import gc
import pkgutil
from importlib import import_module

import automator
import connectors
import jobs
from automator.cli.app import program

LATER = (  #: what is loaded only where it is used
    "authlib.oauth1",
    "ccxt.async_support",
    "concurrent.futures.thread",
    "cryptography.hazmat.primitives.asymmetric.ed25519",
    "cryptography.hazmat.primitives.ciphers.aead",
    "tests.bots.worker",
    "tests.soak.exchange",
    "tests.soak.program",
    "tests.toy.worker",
    "tests.trade.automator",
    "tests.trade.server",
)

for package in (automator, connectors, jobs):
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not module.name.startswith("automator.migrations"):  # Alembic alone can load these
            import_module(module.name)
for name in LATER:
    import_module(name)
for command in program().commands.values():
    list(getattr(command, "commands", {}).values())

gc.freeze()  # a child's collector need not visit, and so copy, what all share
