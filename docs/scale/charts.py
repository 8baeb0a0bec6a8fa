"""The charts of docs/scale.md, from the same model as its tables."""

from model import PER_PAGE
from svg import bars
from words import count, dollars, number


def charts(document):
    """The text of each chart, by its file's name."""
    short = {size: f"{size / 1e6:g} M" for size in document.sizes}
    # The chart shows what lies near the sizes; the table has the rest.
    near = [limit for limit in document.limits
            if document.sizes[0] / 10 <= limit.mailboxes <= document.sizes[-1] * 10]
    kinds = {"gmail": 1, "batch": 2, "look": 2}
    limits = [
        (limit.name.replace("`", ""), limit.mailboxes, count(limit.mailboxes),
         kinds.get(limit.key.split("_")[0], 0)) for limit in near
    ]
    gmail, budget = document.model.gmail, document.model.gmail["day"]
    page = gmail["list"] + PER_PAGE * gmail["get"]
    units = [("one page of IDs", gmail["list"], 0), ("one message", gmail["get"], 0),
             (f"one page of {PER_PAGE} with senders", page, 0)]
    units += [(f"a day: {name}", value, 1) for name, value, has_day in document.uses() if has_day]
    shares = [(budget / size, name) for size, name in short.items()]
    cost = document.model.cost(document.sizes[1])
    return {
        "limits.svg": bars(
            "Mailboxes at which each limit is reached", limits,
            short.items(), True,
            [(1, "Google's limit"), (0, "can be raised, or grows"), (2, "cannot be raised")]),
        "gmail.svg": bars(
            "Gmail's units for one mailbox; dashed: its share of a day, of so many mailboxes",
            [(name, value, number(value), kind) for name, value, kind in units], shares, True),
        "cost.svg": bars(
            f"USD a month at {count(document.sizes[1])} mailboxes",
            [(name, value, dollars(value), 0) for name, value in cost.items()]),
    }
