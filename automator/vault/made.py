"""Keys of the installation's own, which are made when they are first needed: once, whoever needs them meanwhile."""

from __future__ import annotations

from collections.abc import Callable

from automator.vault.store import Store

VERSION = 1  #: they have no other


def made(store: Store, account: str, field: str, make: Callable[[], str]) -> dict[str, str]:
    """All that is kept of ``account``, with ``field`` among it, which is made now if it is lacking.

    Raises:
        automator.vault.store.VaultError: the vault can't be opened, or does not keep it.
    """
    held = store.get(account, VERSION)
    if held is not None and field in held:
        return held
    with store.alone():
        held = store.get(account, VERSION) or {}
        if field not in held:
            held |= {field: make()}
            store.put(account, VERSION, held)
        return held
