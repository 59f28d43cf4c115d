"""``automator check``: is this connector right?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from automator.cli.common import HomeOption, JsonOption, engine, fail, show_json, told

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from automator.check.finding import Finding


@told
async def check(  # noqa: PLR0913, PLR0917 - the command's options
    provider: Annotated[str, typer.Argument(help="Whose connector: x, bluesky, ...")],
    live: Annotated[
        str | None, typer.Option(help="An account of yours: the harmless cases only; what they publish is taken down.")
    ] = None,
    case: Annotated[list[str] | None, typer.Option(help="Only cases with these words in their name.")] = None,
    junit: Annotated[Path | None, typer.Option(help="Also write the report as JUnit's XML.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Play a connector's cases on its twin. What was sent, expected and received; exit code 1 if one fails."""
    from automator.check.finding import junit as written  # noqa: PLC0415 - keeps --help fast
    from connectors.registry import UnknownProvider, providers, trades  # noqa: PLC0415 - as above

    if trades(provider):
        raise UnknownProvider(f"{provider} is an exchange, which has no cases; `automator accounts test` tries a key")
    if provider not in providers():
        raise UnknownProvider(f"there is no provider {provider!r}; there are {', '.join(providers())}")
    if live is not None and live.partition("/")[0] != provider:
        raise fail(f"{live} is no account of {provider}", 2)
    found: list[Finding] = []
    async for finding in _played(provider, live, case or [], home):
        found.append(finding)
        if not as_json:
            _tell(finding)
    if not found:
        raise fail(f"no case of {provider} has {' or '.join(map(repr, case or []))} in its name", 2)
    if junit is not None:
        junit.write_bytes(written(provider, found))
    failed = sum(not finding.passed for finding in found)
    if as_json:
        show_json([finding.as_json() for finding in found])
    else:
        typer.echo(f"{len(found) - failed} of {len(found)} cases of {provider} hold")
    if failed:
        raise typer.Exit(1)


async def _played(provider: str, live: str | None, words: list[str], home: Path | None) -> AsyncIterator[Finding]:
    from automator.check import live as lively  # noqa: PLC0415 - keeps --help fast
    from automator.check import play as twins  # noqa: PLC0415 - as above

    wanted = [case for case in twins.cases(provider) if not words or any(word in case.name for word in words)]
    if live is None:
        for case in wanted:
            yield await twins.play(provider, case)
        return
    async with engine(home) as opened:
        if why := lively.harm(opened, live):
            raise fail(f"nothing was published: {why}", 1)
        for case in wanted:
            if case.live:
                yield await lively.play(opened, live, case)


def _tell(finding: Finding) -> None:
    typer.echo(f"{'holds' if finding.passed else 'FAILS'}  {finding.case.kind:9}  {finding.case.name}")
    for line in finding.lines:
        typer.echo(f"       {line}")
