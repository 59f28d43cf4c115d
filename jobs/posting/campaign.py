"""Campaigns: many posts, each row judged with all its problems at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

from connectors.network import Network, Paid
from connectors.post import Part, Problem
from connectors.takes import named
from jobs.posting.before import Before, alike
from jobs.posting.characters import cleaned
from jobs.posting.crowd import GONE, Neighbours, Rations, Wanted, crowded
from jobs.posting.files import Files, largest
from jobs.posting.identity import elsewhere, identity, lacking
from jobs.posting.parts import chosen, composed
from jobs.posting.planned import Earlier, Planned
from jobs.posting.rows import OVERRIDE, Row
from jobs.posting.spending import Expense, Purse, overspent
from jobs.posting.when import When, WhenError, parse_when

FAR = timedelta(days=730)  #: after which a time is rather a slip of the pen
ALMOST = 0.85  #: how alike two names are of which one is taken for the other's slip
#: what became of a post that is not out: what a person reads of it when its row comes again
STAYS = {
    "missed": "it was missed; `automator posts retry {id}` publishes it now",
    "failed": "it failed; `automator posts show {id}` says why",
    "cancelled": "it was cancelled; `automator posts retry {id}` publishes it now",
    "unconfirmed": "whether it went out is not known; settle it with `automator posts resolve {id}`",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """A row, and everything that there is to say about it."""

    row: Row
    when: When | None
    deliveries: tuple[Planned, ...]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...] = ()  #: what was done to the files: sentences for a person

    @property
    def ok(self) -> bool:
        """Whether it can be planned; warnings do not stand in the way."""
        return all(problem.warning for problem in self.problems)


@dataclass(frozen=True)
class Rules:
    """What rows are judged against.

    Attributes:
        base: Where relative paths of pictures begin.
        now: The present (UTC).
        zone: The zone of times that name none.
        networks: The connected accounts.
        mute: Those of them that may not write.
        earlier: What was planned or published lately, and whatever else of that the rows may be.
        late: How far back a time may lie.
        copies: Where smaller copies of pictures are kept; in a folder beside the others, if it is not said.
        exchanges: The connected accounts that nothing can be posted to.
        hosts: Whether there is a media host, from which networks fetch what they take no other way.
        rations: Of what the accounts may post only so much in a while.
        purses: Of what posts cost, and of which only so much may be spent in a month.
        zones: Others in which times that name none may have been meant before.
    """

    base: Path
    now: datetime
    zone: str
    networks: Mapping[str, Network]
    mute: frozenset[str] = frozenset()
    earlier: Sequence[Earlier] = ()
    late: timedelta = timedelta(hours=1)
    copies: Path | None = None
    exchanges: frozenset[str] = frozenset()
    hosts: bool = True
    rations: Rations = field(default_factory=dict)
    purses: Sequence[Purse] = ()
    zones: Sequence[str] = ()

    @cached_property
    def files(self) -> Files:
        """The files that rows name, looked into once."""
        return Files(self.base, self.copies or self.base / "copies", largest(self.networks.values()))

    @cached_property
    def known(self) -> frozenset[str]:
        """The identities of earlier posts."""
        return frozenset(item.identity for item in self.earlier)

    @cached_property
    def identities(self) -> Mapping[tuple[str, str], str]:
        """Those of earlier posts by their own id and account, which an exported row bears."""
        return {(item.id, item.account): item.identity for item in self.earlier}


def judge(rows: Sequence[Row], rules: Rules) -> list[Verdict]:
    """Say of every row what would be planned, and everything that is wrong with it."""
    return compared(drafted(rows, rules), rules)


def drafted(rows: Sequence[Row], rules: Rules) -> list[Verdict]:
    """Say it of every row by itself; ``compared`` adds the rest."""
    seen, before = Counter[str](), Counter[str]()
    return [_judge(row, rules, seen, before) for row in rows]


def _judge(row: Row, rules: Rules, seen: Counter[str], before: Counter[str]) -> Verdict:
    problems: list[Problem] = []
    row = cleaned(row, problems)
    when = _when(row, rules, problems)
    notes: list[str] = []
    media, fit = rules.files.of(row, problems), chosen(row.fit, "fit", problems)
    if row.text or not row.texts:
        composed(row, row.text, media, problems)  # what is wrong with it shows whatever the accounts are
    if unused := sorted(set(row.texts) - {name.partition("/")[0] for name in row.to}):
        problems.append(Problem(f"{OVERRIDE}{unused[0]}", f"it goes to no account of {unused[0]}", warning=True))
    if not row.to:
        problems.append(Problem("to", "it says no account; write one such as x/brand"))
    problems += [
        Problem("to", f"{name} is named twice; name it once") for name, count in Counter(row.to).items() if count > 1
    ]
    planned: list[Planned] = []
    for account in dict.fromkeys(row.to):
        network = rules.networks.get(account)
        if account in rules.exchanges:
            problems.append(Problem("to", f"{account} is an exchange, which has no posts; name a social network's"))
            continue
        if network is None:
            problems.append(Problem("to", _unconnected(account, rules.networks)))
            continue
        if account in rules.mute:
            hint = f"{account} may not write; allow it with `automator accounts change {account} --scope write ...`"
            problems.append(Problem("to", hint))
        text = row.texts.get(account.partition("/")[0], row.text)
        parts = composed(row, text, media, problems)
        # an exported row bears the id of the post that it was written from
        own = rules.identities.get((row.id, account)) or identity(row, account, when, parts, seen)
        others = elsewhere(row, account, rules.now, parts, before, rules.zones) if when else {}
        if fit:
            parts = tuple(rules.files.fit(part, network, account, notes, problems) for part in parts)
        found = _of_files(row, parts, network.check(parts)) + ([] if rules.hosts else _unhosted(parts, network))
        problems += [Problem(item.field, f"{account}: {item.what}", item.warning) for item in found]
        planned.append(Planned(account, parts, own, {known: zone for known, zone in others.items() if known != own}))
    if not any(name in rules.networks for name in row.to) and not row.text and not row.image and not row.video:
        problems.append(Problem("text", "there is nothing to post; write a text or add a picture"))
    return Verdict(row, when, tuple(planned), tuple(dict.fromkeys(problems)), tuple(notes))


def _of_files(row: Row, parts: Sequence[Part], found: list[Problem]) -> list[Problem]:
    """Of a row none of whose files can be read, which was said, nobody says that it has none."""
    if not (row.image or row.video) or any(part.media for part in parts):
        return found
    texts = any(part.text.strip() for part in parts)
    return [item for item in found if item.field != "media" and (item.field != "text" or texts)]


def _unhosted(parts: Sequence[Part], network: Network) -> list[Problem]:
    """The first file that the network can't be given without a media host."""
    for part in parts:
        takes = network.takes(part.form)
        for media in part.media:
            if takes and (limits := takes.limits(media)) and limits.fetched:
                what = f"{named(media.own)} has to be fetched from a public address; set [media] in config.toml"
                return [Problem("media", what)]
    return []


def _unconnected(account: str, networks: Collection[str]) -> str:
    near = get_close_matches(account.strip().lower(), networks, 1, ALMOST)
    meant = f"did you mean {near[0]}? If not, " if near else ""
    return f"{account} is not connected; {meant}connect it with `automator accounts add {account}`"


def _when(row: Row, rules: Rules, problems: list[Problem]) -> When | None:
    if not row.at:
        problems.append(Problem("at", "it says no time"))
        return None
    try:
        when = parse_when(row.at, now=rules.now, zone=rules.zone)
    except WhenError as error:
        problems.append(Problem("at", str(error)))
        return None
    if when.at > rules.now + FAR:
        problems.append(Problem("at", f"{row.at} is years away; is the year right?", warning=True))
    return when


def compared(drafts: Sequence[Verdict], rules: Rules) -> list[Verdict]:
    """Add what shows only when rows are laid side by side, and beside what was planned before."""
    verdicts = _refound(drafts, rules.earlier)
    own = {planned.identity for verdict in verdicts for planned in verdict.deliveries}  # if the file is imported again
    known = own & rules.known
    recent = {(item.account, item.parts[0].text): item for item in rules.earlier if item.identity not in own}
    states = {item.identity: (item.state, item.id[:8]) for item in rules.earlier}
    planned_before = Before(rules.earlier, own, rules.now)
    neighbours = Neighbours(rules.earlier)
    first: dict[tuple[str, str], int] = {}
    ids: dict[str, int] = {}
    judged: list[Verdict] = []
    for verdict in verdicts:
        stands = _stands(verdict, known)
        extra = [] if stands else _too_late(verdict, rules)
        for planned in verdict.deliveries:
            text = planned.parts[0].text
            key = (planned.account, text)
            similar = planned_before.similar(verdict.when, planned, own=bool(verdict.row.id))
            extra += similar
            number = ids.setdefault(planned.identity, verdict.row.number)
            if number != verdict.row.number:  # only one of them would be planned
                what = f"{planned.account}: by its id it is the post of row {number}; give each row an id of its own"
                extra.append(Problem("id", what))
            elif planned.identity in known and not similar:
                state, name = states[planned.identity]
                what = STAYS.get(state, "it stays as it is").format(id=name)
                extra.append(Problem("id", f"{planned.account} has this row already; {what}", warning=True))
            elif text and key in recent:
                extra.append(Problem("text", f"{planned.account} {_lately(recent[key], rules.now)}", warning=True))
            elif text and key in first:
                extra.append(Problem("text", f"{planned.account} has this text in row {first[key]} too", warning=True))
            first.setdefault(key, verdict.row.number)
            if verdict.when is not None:
                if (close := neighbours.near(planned, verdict.when.at)) is not None:
                    what = f"{planned.account} posts {close} within the same minute"
                    extra.append(Problem("at", what, warning=True))
                neighbours.add(planned.account, verdict.when.at, f"row {verdict.row.number}", planned.identity)
        problems = (*verdict.problems, *extra)
        if stands:
            problems = tuple(replace(problem, warning=True) for problem in problems)
        judged.append(replace(verdict, problems=problems) if problems != verdict.problems else verdict)
    return _paid(_crowded(judged, known, rules), known, rules)


def _lately(item: Earlier, now: datetime) -> str:
    """That an account has a text already, and how it is moved if that is what was meant."""
    if item.at <= now or item.state in GONE:
        return "has this text already, lately"
    how = f"move that one with `automator posts edit {item.id[:8]} --at`, if this row was moved"
    return f"has this text planned for {item.at:%Y-%m-%d %H:%M} UTC; {how}"


def _crowded(verdicts: Sequence[Verdict], known: Collection[str], rules: Rules) -> list[Verdict]:
    """Warn of rows with which there is more than may go out; asked only where a network takes so little."""
    if not rules.rations:
        return list(verdicts)
    before = (item for item in rules.earlier if item.state not in GONE)
    wanted = [Wanted(item.account, part.form, item.at, None) for item in before for part in item.parts]
    wanted += [
        Wanted(item.account, part.form, verdict.when.at, row)
        for row, verdict in enumerate(verdicts)
        if verdict.ok and verdict.when is not None
        for item in verdict.deliveries
        if item.identity not in known
        for part in item.parts
    ]
    said = crowded(wanted, rules.rations, rules.late)
    return _warned(verdicts, "at", said)


def _paid(verdicts: Sequence[Verdict], known: Collection[str], rules: Rules) -> list[Verdict]:
    """Warn of months in which more would be spent than may be; asked only where a person has set how much."""
    paying = {name for purse in rules.purses for name in purse.accounts}
    wanted = [
        Expense(item.account, verdict.when.at, sum(map(network.spends, item.parts)), row)
        for row, verdict in enumerate(verdicts if paying else ())
        if verdict.ok and verdict.when is not None
        for item in verdict.deliveries
        if item.account in paying and item.identity not in known
        if isinstance(network := rules.networks[item.account], Paid)
    ]
    return _warned(verdicts, "cost", overspent(wanted, rules.purses, rules.now))


def _warned(verdicts: Sequence[Verdict], what: str, said: Mapping[int, Sequence[str]]) -> list[Verdict]:
    """Add warnings to rows, by their places."""
    more = {row: tuple(Problem(what, words, warning=True) for words in told) for row, told in said.items()}
    return [replace(one, problems=one.problems + more[row]) if row in more else one for row, one in enumerate(verdicts)]


def _stands(verdict: Verdict, known: Collection[str]) -> bool:
    """Whether nothing is left to plan of a row: it may be out, and what was wrong since then hinders nobody."""
    planned = {delivery.account for delivery in verdict.deliveries if delivery.identity in known}
    return bool(planned) and planned == set(verdict.row.to)


def _refound(drafts: Sequence[Verdict], earlier: Sequence[Earlier]) -> list[Verdict]:
    """Rows whose files can't be read any more are known by account, time, texts, and how many files there were.

    Those whose times meant another zone when they were planned are known by what they were there; and those that got an
    id since, or were planned as they are now by other words, by saying the very same at the same time.
    """
    known = {item.identity for item in earlier}
    named = {planned.identity for verdict in drafts for planned in verdict.deliveries}
    like = {(item.account, item.at, *_outline(item.parts)): item.identity for item in reversed(earlier)}
    then: dict[tuple[str, datetime], list[Earlier]] = {}
    for item in earlier:
        if item.identity not in named and item.state not in GONE:
            then.setdefault((item.account, item.at), []).append(item)

    def again(verdict: Verdict, planned: Planned) -> Planned:
        if planned.identity not in known:
            for other, zone in planned.elsewhere.items():
                if other in known and other not in named:
                    return replace(planned, identity=other, zone=zone)
        if verdict.when is None or planned.identity in known:
            return planned
        if not (missing := lacking(verdict.row, planned.parts)):
            beside = then.get((planned.account, verdict.when.at), [])
            same = next((item for item in beside if alike(item.parts, planned.parts)), None)
            if same is None:
                return planned
            beside.remove(same)
            return replace(planned, identity=same.identity)
        texts, files = _outline(planned.parts)
        key = (planned.account, verdict.when.at, texts, files + missing)
        return replace(planned, identity=like.get(key, planned.identity))

    return [replace(one, deliveries=tuple(again(one, planned) for planned in one.deliveries)) for one in drafts]


def _outline(parts: Sequence[Part]) -> tuple[tuple[str, ...], int]:
    """The texts, and how many files."""
    return tuple(part.text for part in parts), sum(len(part.media) for part in parts)


def _too_late(verdict: Verdict, rules: Rules) -> list[Problem]:
    """What was planned before need not lie ahead: it may be out."""
    if verdict.when is None or verdict.when.at >= rules.now - rules.late:
        return []
    return [Problem("at", f"{verdict.row.at} lies in the past")]
