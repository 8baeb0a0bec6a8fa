#!/usr/bin/env python3
"""Writes the numbers, tables and charts of docs/scale.md from inputs.json.

    scale.py                       writes them
    scale.py --check               fails if they are not as they should be
    scale.py --mailboxes 3000000   prints the answer for another number of mailboxes
"""

import argparse
import json
import re
import sys
from pathlib import Path

from charts import charts
from tables import Document

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
DOCUMENT = ROOT / "docs" / "scale.md"


def stale_quotes(inputs):
    """The measured inputs whose source no longer says what they rely on."""
    for entry in [*inputs["measured"].values(), inputs["import_rate"]]:
        quote = entry.get("quote")
        if quote and quote["text"] not in (ROOT / quote["file"]).read_text():
            yield f"{quote['file']} no longer says {quote['text']!r}: see {entry['meaning']!r}"


def fill(text, blocks):
    """`text` with each block between its markers."""
    for name, block in blocks.items():
        pattern = re.compile(f"(<!-- generated: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        if not pattern.search(text):
            raise SystemExit(f"docs/scale.md has no place for {name!r}")
        text = pattern.sub(lambda match: match[1] + block + match[2], text)
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--mailboxes", type=int, metavar="NUMBER")
    options = parser.parse_args()
    inputs = json.loads((HERE / "inputs.json").read_text())
    document = Document(inputs)
    if options.mailboxes:
        print(document.example(options.mailboxes), end="")
        return
    files = {HERE / name: text for name, text in charts(document).items()}
    files[DOCUMENT] = fill(DOCUMENT.read_text(), document.blocks())
    wrong = list(stale_quotes(inputs))
    for path, text in files.items():
        if options.check and (not path.exists() or path.read_text() != text):
            wrong.append(f"{path.relative_to(ROOT)} is not what docs/scale/inputs.json says: "
                         "run docs/scale/scale.py")
        elif not options.check:
            path.write_text(text)
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
