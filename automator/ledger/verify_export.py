"""Check a whole export (``calls export --format jsonl``) with the standard library alone.

Copy this file anywhere and run ``python verify_export.py calls.jsonl``: it recomputes every link of the chain and
compares the file and the last link with the manifest beside it. Exit code 0: nothing was altered or left out.
"""

import hashlib
import json
import sys
from pathlib import Path


def fault(path: Path) -> str:
    """What is wrong with the export, in one sentence; empty if nothing is."""
    manifest = json.loads(path.with_name(path.name + ".manifest.json").read_text(encoding="utf-8"))
    if any(manifest["filter"].values()) or manifest["format"] != "jsonl":
        return "only a JSONL export without a filter holds the whole chain"
    if hashlib.sha256(path.read_bytes()).hexdigest() != manifest["sha256"]:
        return "the file is not the one that the manifest names"
    number, link = manifest["start"]
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            found = json.loads(line)
            row = found["entry"]
            if row[0] != number + 1:
                return f"entry {number + 1} is missing"
            content = json.dumps(row, separators=(",", ":"), ensure_ascii=False).encode()
            link = hashlib.sha256(bytes.fromhex(link) + content).hexdigest()
            if link != found["link"]:
                return f"entry {row[0]} was altered"
            number = row[0]
    if [number, link] != manifest["head"]:
        return f"entries after {number} are missing"
    return ""


def main() -> int:
    """Check the file that the command line names."""
    if len(sys.argv) != 2:  # noqa: PLR2004 - the program and one file
        sys.stderr.write("usage: python verify_export.py calls.jsonl\n")
        return 2
    try:
        wrong = fault(Path(sys.argv[1]))
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        wrong = f"it can't be read as an export ({error})"
    (sys.stderr if wrong else sys.stdout).write(f"{wrong or 'every entry is there, and none was altered'}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
