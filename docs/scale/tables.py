"""The tables and sentences of docs/scale.md, from the model."""

from math import ceil

from model import PER_PAGE, Model
from words import count, dollars, duration, number, prose, table


class Document:
    """Each marked place of docs/scale.md, as text."""

    def __init__(self, inputs):
        self.inputs, self.model = inputs, Model(inputs)
        self.sizes = inputs["mailboxes"]
        self.cell = inputs["cell"]["value"]
        self.limits = self.model.all_limits()

    def blocks(self):
        """The text of each marked place."""
        steps = {f"step {count(size)}": self.step(size) for size in self.sizes}
        return {
            "answers": self.answers(),
            "use": self.assumed_use(),
            "limits": self.limit_table(),
            "gmail budget": self.gmail_budget(),
            "gmail uses": self.gmail_uses(),
            "cost": self.cost(),
            "provisioned": self.provisioned(),
            "everybody at once": self.everybody(),
            "other limits": self.other_limits(),
            "example": self.example(self.inputs["example"]),
            "inputs": self.input_table(),
            **steps,
        }

    def answers(self):
        model, rows = self.model, []
        for size in self.sizes:
            rows.append([
                f"**{count(size)}**",
                number(model.peak(model.api_requests) * size),
                number(model.peak(model.refreshes) * size),
                number(model.processes() * size),
                f"{model.units('every') * size / model.gmail['day']:,.1f} / "
                f"{model.units('new') * size / model.gmail['day']:,.1f}",
                len(self.reached(size)),
                ceil(size / self.cell),
                dollars(sum(model.cost(size).values())),
            ])
        head = ["mailboxes", "requests a second at the peak", "refreshes a second", "processes",
                "times Gmail's day: every page / new mail", "limits reached", "cells",
                "USD a month"]
        return table(head, rows)

    def assumed_use(self):
        use = self.model.use
        return prose(
            f"The use behind these numbers: {use['active_share']:.0%} of the users come on a day, "
            f"{use['visits']} times, read {use['pages']} pages of {PER_PAGE} messages with senders "
            f"and subjects and open {use['opened']}; {use['new_messages']} of the messages are new. "
            f"A back end looks at each mailbox {use['jobs']} times a day. The busiest second has "
            f"{use['peak_factor']} times the day's mean, and a call to Google takes "
            f"{use['google_ms']} ms."
        )

    def reached(self, size):
        """The limits below the demand, without that of an unverified application."""
        return [limit for limit in self.limits
                if limit.headroom(size) < 1 and limit.key != "oauth_users"]

    def step(self, size):
        rows = [[limit.name, count(limit.mailboxes), limit.change] for limit in self.reached(size)]
        return table(["reached", "at mailboxes", "change"], rows)

    def limit_table(self):
        rows = []
        for limit in self.limits:
            headrooms = [limit.headroom(size) for size in (*self.sizes, self.cell)]
            cells = [f"**{number(x)}**" if x < 1 else number(x) for x in headrooms]
            value = f"{limit.limit:,.0f} {limit.unit}"
            rows.append([limit.name, value, count(limit.mailboxes), *cells])
        head = ["limit", "value", "reached at mailboxes", *map(count, self.sizes),
                f"a cell of {count(self.cell)}"]
        return table(head, rows)

    def gmail_budget(self):
        gmail = self.model.gmail
        page = gmail["list"] + PER_PAGE * gmail["get"]
        mean = gmail["day"] / 1440
        lines = [
            f"- A page of IDs costs {gmail['list']} units. A page of {PER_PAGE} with senders and "
            f"subjects costs {gmail['list']} + {PER_PAGE} × {gmail['get']} = {page}, because each "
            "message in a batch counts.",
            f"- {gmail['day']:,} units a day are {gmail['day'] // page:,} such pages, or "
            f"{gmail['day'] // gmail['list']:,} pages of IDs, for all users together.",
            f"- {gmail['minute']:,} units a minute are {gmail['minute'] / page / 60:.0f} such pages "
            f"a second. Used evenly, the day's threshold is {mean:,.0f} a minute: the minute's limit "
            f"is {gmail['minute'] / mean:.0f} times as high. **So the day decides**, unless the "
            f"busiest minute is more than {gmail['minute'] / mean:.0f} times the mean.",
            f"- {gmail['user_minute']:,} units a minute for one user are "
            f"{gmail['user_minute'] // page} such pages. That does not depend on how many users "
            "there are.",
        ]
        shares = [f"{gmail['day'] / size:,.3g} at {count(size)}" for size in self.sizes]
        lines.append(f"- The day's threshold, shared by all mailboxes, is {', '.join(shares)} units "
                     "for each.")
        new, first = self.model.use["new_messages"], self.sizes[0]
        lines.append(
            f"- A job that reads each of {new} new messages a day costs {new * gmail['get']} units: "
            f"{new * gmail['get'] / (gmail['day'] / first):.1f} times the share at {count(first)}.")
        lines.append(
            f"- In a project from before May 2026 `messages.get` costs {gmail['get_before']}, a user "
            f"has {gmail['user_minute_before']:,} units a minute, and a day has no threshold.")
        return "".join(map(prose, lines))

    def uses(self):
        """(what the application does, units a mailbox and day, whether the day's threshold counts)"""
        model = self.model
        return [
            ("every page with senders and subjects", model.units("every"), True),
            ("the same in a project from before May 2026",
             model.units("every", get=model.gmail["get_before"]), False),
            ("senders and subjects only of new mail", model.units("new"), True),
            ("IDs only", model.units("none"), True),
        ]

    def gmail_uses(self):
        gmail, factor = self.model.gmail, self.model.use["peak_factor"]
        rows = []
        for name, units, has_day in self.uses():
            minute = gmail["minute"] * 1440 / units / factor
            day = count(gmail["day"] / units) if has_day else "no threshold"
            over = [f"{units * size / gmail['day']:.1f}" if has_day else "-" for size in self.sizes]
            rows.append([name, number(units), day, count(minute), *over])
        head = ["what the application asks for", "units a mailbox and day",
                "mailboxes at the day's threshold", "mailboxes at the minute's limit",
                *(f"{count(size)}: times the threshold" for size in self.sizes)]
        return table(head, rows)

    def cost(self):
        costs = [self.model.cost(size) for size in self.sizes]
        rows = [[name, *(dollars(cost[name]) for cost in costs)] for name in costs[0]]
        totals = [sum(cost.values()) for cost in costs]
        each = [total / size * 1000 for total, size in zip(totals, self.sizes)]
        rows.append(["**together**", *(f"**{dollars(total)}**" for total in totals)])
        rows.append(["for a thousand mailboxes", *(f"{value:.2f}" for value in each)])
        on_demand = [cost["DynamoDB, reads"] + cost["DynamoDB, writes"] for cost in costs]
        rows.append(["DynamoDB's units as provisioned capacity, instead of " +
                     " / ".join(map(dollars, on_demand)),
                     *(dollars(self.model.provisioned(size)) for size in self.sizes)])
        return table(["USD a month", *map(count, self.sizes)], rows)

    def provisioned(self):
        prices = self.model.prices
        least = prices["write_capacity"] / 3600 * 1e6 / prices["write_unit"]
        return prose(
            f"At {prices['utilisation']:.0%} use, provisioned units cost "
            f"{least / prices['utilisation']:.0%} of those on demand; they pay above {least:.0%} "
            "use."
        )

    def other_limits(self):
        gmail, limits = self.model.gmail, self.model.limits
        rows = [
            ["one item, reads and writes",
             f"{limits['partition_read']:,} and {limits['partition_write']:,} units a second",
             "one user in a thousand processes at once: they wait with growing pauses "
             "([Herds](performance.md#herds))"],
            ["one user's units at Gmail", f"{gmail['user_minute']:,} a minute",
             "429 with `Retry-After`"],
            ["one user's calls at Gmail at once", f"about {gmail['at_once']}, as others report",
             f"batches of {PER_PAGE}, and refused parts again in tens"],
            ["refresh tokens of one account and OAuth client",
             f"{limits['refresh_tokens']}; the oldest dies without notice",
             "consent only where it is needed "
             "([decision 7](decisions/0007-consent-only-where-needed.md)). Stacks that share a "
             "client share the number"],
            ["refreshes at Google's token endpoint", "not published",
             "one refresh at a time for each user (the lease), spread over ten minutes ahead of the "
             "end ([decision 30](decisions/0030-each-token-has-its-moment.md)), and a pause after "
             "each failure"],
            ["a grant that nobody uses", f"ends after {limits['unused_months']} months",
             "each use renews it"],
            ["how fast a function grows",
             f"{limits['lambda_scaling']:,} processes in 10 seconds", "nothing"],
            ["metrics of CloudWatch", "paid by name and dimension",
             "closed lists of words: users add none"],
        ]
        return table(["limit", "value", "what Postern does"], rows)

    def everybody(self):
        limits, rows = self.model.limits, []
        for words, rate in (
            ("write every item at 1,000 a second", limits["partition_write"]),
            ("the same at the rate of a new table", limits["new_table_write"]),
            ("the same at a table's quota", limits["table_write"]),
            ("refresh every token at the rate of an import", self.inputs["import_rate"]["value"]),
            ("every user consents again, at a sign-in route's limit",
             self.model.measured["sign_in_rate"]),
        ):
            times = [duration(size / rate) for size in self.sizes]
            rows.append([words, f"{rate:,} a second", *times])
        price = self.model.prices["write_unit"]
        rows.append(["write units for one rewrite of all items", f"{price} USD a million",
                     *(f"{size / 1e6 * price:,.2f} USD" for size in self.sizes)])
        least = f"{limits['restore_minutes']} minutes at least"
        rows.append(["a point-in-time restore, before its items are put back", "AWS's",
                     *[least] * len(self.sizes)])
        return table(["what", "rate", *map(count, self.sizes)], rows)

    def example(self, size):
        model = self.model
        cost = model.cost(size)
        total = sum(cost.values())
        dear = sorted(cost, key=cost.get, reverse=True)[:3]
        near = [f"{limit.name} ({count(limit.mailboxes)})"
                for limit in self.limits if 1 <= limit.headroom(size) < 2]
        first = prose(
            f"**{count(size)} mailboxes:** {number(model.peak(model.api_requests) * size)} requests "
            f"and {number(model.peak(model.refreshes) * size)} refreshes a second at the peak; "
            f"{model.units('every') * size / 1e6:,.0f} million of Gmail's units a day, or "
            f"{model.units('new') * size / 1e6:,.0f} million with senders of new mail only. It costs "
            f"**{dollars(total)} USD a month** on demand, most of it for "
            f"{', '.join(f'{name} ({dollars(cost[name])})' for name in dear)}; and about "
            f"{dollars(model.prices['assessment'])} USD a year for [Google's assessment]"
            "(google-verification.md#what-it-costs)."
        )
        last = prose(f"Next, below twice this size: {'; '.join(near) or 'nothing'}.")
        return f"{first}\n{self.step(size)}\n{last}"

    def input_table(self):
        rows = []
        for group in ("use", "gmail", "measured", "limits", "prices"):
            for entry in self.inputs[group].values():
                if isinstance(entry, dict):
                    rows.append(self.input_row(entry))
        rows += [self.input_row(self.inputs[name]) for name in ("cell", "import_rate")]
        return table(["what", "value", "kind", "source", "date"], rows)

    def input_row(self, entry):
        value = entry["value"]
        if isinstance(value, list):
            value = ", ".join(f"{size or 'more'}: {price}" for size, price in value)
        elif isinstance(value, int):
            value = f"{value:,}"
        elif value < 0.001:
            value = f"{value:.10f}".rstrip("0")
        return [entry["meaning"], f"{value} {entry['unit']}".strip(), entry["kind"],
                entry["source"], entry["date"]]
