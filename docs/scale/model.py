"""What a number of mailboxes asks for, how much of each limit that is, and what it costs.

Everything follows from inputs.json. Demand grows in proportion to the mailboxes, so the model
computes it for one mailbox and multiplies.
"""

from dataclasses import dataclass

DAY = 86_400
MONTH_DAYS = 30
GIB = 2**30
PER_PAGE = 25


@dataclass
class Limit:
    """One limit, and the mailboxes at which their demand reaches it."""

    key: str
    name: str
    limit: float
    unit: str
    mailboxes: float
    change: str

    def headroom(self, mailboxes):
        return self.mailboxes / mailboxes


class Model:
    """The demand of one connected mailbox, a day and in the busiest second."""

    def __init__(self, inputs):
        values = lambda group: {
            key: entry["value"] for key, entry in inputs[group].items() if isinstance(entry, dict)
        }
        self.use, self.gmail, self.measured, self.limits, self.prices = map(
            values, ("use", "gmail", "measured", "limits", "prices")
        )
        use, measured = self.use, self.measured
        active, google = use["active_share"], use["google_ms"]
        # Requests of one mailbox a day, and how long each takes. A page is a list and a batch.
        self.requests = {
            "pages": (active * use["pages"], measured["request_ms"] + 2 * google),
            "opened": (active * use["opened"], measured["request_ms"] + google),
            "visits": (active * use["visits"], measured["request_ms"]),
            "starts": (active * use["sign_ins"], measured["start_ms"]),
            "callbacks": (active * use["sign_ins"], measured["callback_ms"] + google),
            "tokens": (use["jobs"], measured["request_ms"]),
        }
        self.sign_ins = active * use["sign_ins"]
        self.refreshes = active * use["refreshes"] + use["jobs"]
        self.refresh_ms = measured["refresh_ms"] + google
        self.invocations = sum(count for count, _ in self.requests.values())
        self.api_requests = self.invocations - self.requests["tokens"][0]
        busy = sum(count * took for count, took in self.requests.values())
        self.busy_ms = busy + self.refreshes * self.refresh_ms
        touched = sum(self.requests[name][0] for name in ("pages", "opened", "visits"))
        visits = self.requests["visits"][0]
        # DynamoDB's units. A page, a message and a visit read one item of each table.
        self.reads = {
            "credentials": touched * measured["page_read"] / 2
            + use["jobs"] * measured["token_read"]
            + self.sign_ins * measured["sign_in_read"],
            "sessions": touched * measured["page_read"] / 2,
        }
        self.writes = {
            "credentials": self.refreshes * measured["refresh_write"]
            + self.sign_ins * measured["sign_in_write_credentials"],
            "sessions": self.sign_ins * measured["sign_in_write_sessions"]
            + visits * measured["touch_write"],
        }
        self.index_writes = use["connects"] + use["changes"]

    def peak(self, a_day):
        """The rate in the busiest second of something that happens so often a day."""
        return a_day / DAY * self.use["peak_factor"]

    def units(self, page, get=None):
        """Gmail's units of one mailbox a day. `page` says what a page of 25 asks for."""
        use, gmail = self.use, self.gmail
        get = gmail["get"] if get is None else get
        gets = {
            "every": use["pages"] * PER_PAGE,
            "new": use["new_messages"],
            "none": 0,
        }[page]
        active = use["pages"] * gmail["list"] + (gets + use["opened"]) * get
        return use["active_share"] * active + use["jobs"] * gmail["list"]

    def processes(self):
        """Processes that are busy in the busiest second, for one mailbox."""
        return self.peak(self.busy_ms / 1000)

    def all_limits(self):
        """Every limit that grows with the mailboxes, the lowest first."""
        limits, gmail, measured = self.limits, self.gmail, self.measured
        every, new = self.units("every"), self.units("new")
        minute = self.use["peak_factor"] / 1440
        secrets = (
            self.peak(self.invocations) * self.use["cold_share"]
            + self.processes() / measured["secrets_life_s"]
        )
        look = measured["look_seconds"] / (measured["look_query_ms"] / 1000) * measured["look_page"]
        writes, reads = self.peak(self.writes["credentials"]), self.peak(self.reads["credentials"])
        ask, table = "ask AWS for more", "on demand it grows; raise its warm throughput before a jump"
        ids = "ask only for new mail; beyond that Google's price, which is not known yet"
        cells = "cells: another account or region has a limit of its own"
        rows = [
            ("oauth_users", "users of an unverified application", limits["oauth_users"], "users",
             1, "[verification](google-verification.md)"),
            ("gmail_day", "Gmail's day: every page with senders", gmail["day"], "units a day",
             every, ids),
            ("gmail_day_new", "Gmail's day: senders of new mail only", gmail["day"], "units a day",
             new, "fewer looks and jobs; beyond that Google's price"),
            ("gmail_minute", "Gmail's minute: every page with senders", gmail["minute"],
             "units a minute", every * minute, ids),
            ("gmail_minute_new", "Gmail's minute: senders of new mail only", gmail["minute"],
             "units a minute", new * minute, "ask Google for more"),
            ("route_rate", "requests to `GET /messages`", measured["route_rate"], "a second",
             self.peak(self.requests["pages"][0]), "`RequestRateLimit`, `RequestBurstLimit`"),
            ("sign_in_rate", "sign-ins", measured["sign_in_rate"], "a second",
             self.peak(self.sign_ins), "the limits of the sign-in routes"),
            ("api_gateway", "API Gateway, requests", limits["api_gateway"], "a second",
             self.peak(self.api_requests), ask),
            ("lambda_concurrency", "Lambda, concurrency", limits["lambda_concurrency"], "at once",
             self.processes(), ask),
            ("batch_secrets", "secrets: ordinary cold starts", limits["batch_secrets"], "a second",
             secrets, cells),
            ("batch_secrets_deploy", "secrets: a deployment at the peak", limits["batch_secrets"],
             "a second", self.processes(), "deploy when it is quiet; cells"),
            ("new_table_write", "credentials table new, writes", limits["new_table_write"],
             "units a second", writes, table),
            ("new_table_read", "credentials table new, reads", limits["new_table_read"],
             "units a second", reads, table),
            ("table_write", "credentials table, writes", limits["table_write"], "units a second",
             writes, ask),
            ("table_read", "credentials table, reads", limits["table_read"], "units a second",
             reads, ask),
            ("index_write", "index `by_status`, writes", limits["partition_write"],
             "units a second", self.peak(self.index_writes), "it splits by user, not at once"),
            ("look", "the hourly look of `events`", look, "entries", 1, "cells, or no events"),
            ("put_events", "EventBridge, `PutEvents`", limits["put_events"], "a second",
             self.peak(self.index_writes), ask),
        ]
        found = [Limit(key, name, limit, unit, limit / each, change)
                 for key, name, limit, unit, each, change in rows]
        return sorted(found, key=lambda row: row.mailboxes)

    def cost(self, mailboxes):
        """USD a month for each service."""
        prices, measured = self.prices, self.measured
        monthly = lambda a_day: a_day * mailboxes * MONTH_DAYS
        million = lambda count, price: count / 1e6 * price
        requests, invocations = monthly(self.api_requests), monthly(self.invocations)
        first = min(requests, 300e6)
        gb_seconds = monthly(self.busy_ms) / 1000 * measured["memory_mb"] / 1024
        overhead = measured["item_overhead_bytes"]
        credentials = mailboxes * (measured["credential_bytes"] + overhead) / GIB
        sessions = mailboxes * self.sign_ins * 7 * (measured["session_bytes"] + overhead) / GIB
        secrets = invocations * self.use["cold_share"] + (
            mailboxes * self.processes() / self.use["peak_factor"]
            * DAY * MONTH_DAYS / measured["secrets_life_s"])
        log_bytes = (
            (invocations - 2 * monthly(self.sign_ins)) * measured["listing_log_bytes"]
            + monthly(self.sign_ins) * measured["sign_in_log_bytes"]
            + monthly(self.refreshes) * measured["refresh_log_bytes"]
            + requests * measured["access_log_bytes"]
            + invocations * measured["platform_log_bytes"])
        entries = mailboxes * (measured["entry_bytes"] + overhead) / GIB
        look = mailboxes * measured["entry_bytes"] / 4096 / 2 * 24 * MONTH_DAYS
        return {
            "API Gateway": million(first, prices["api_request"])
            + million(requests - first, prices["api_request_more"]),
            "Lambda": million(invocations, prices["lambda_request"])
            + gb_seconds * prices["lambda_gb_s"],
            "DynamoDB, reads": million(monthly(sum(self.reads.values())), prices["read_unit"]),
            "DynamoDB, writes": million(monthly(sum(self.writes.values())), prices["write_unit"]),
            "DynamoDB, storage": (credentials + sessions) * prices["storage"]
            + credentials * prices["recovery"],
            "Secrets Manager": million(2 * secrets, prices["secret_call"]),
            "Logs": self.logs(log_bytes),
            "Index and events": entries * prices["storage"]
            + million(look, prices["read_unit"])
            + million(monthly(self.index_writes), prices["write_unit"] + prices["event"]),
            "Fixed": prices["fixed"],
        }

    def logs(self, size):
        """What CloudWatch takes for so many bytes a month, in tiers."""
        left, cost = size / GIB, 0.0
        for terabytes, price in self.prices["log_tiers"]:
            part = left if terabytes is None else min(left, terabytes * 1024)
            cost, left = cost + part * price, left - part
        return cost

    def provisioned(self, mailboxes):
        """USD a month for the same units as provisioned capacity that scales by itself."""
        prices = self.prices
        hours = MONTH_DAYS * 24
        rate = lambda units: units * mailboxes / DAY / prices["utilisation"] * hours
        return rate(sum(self.reads.values())) * prices["read_capacity"] + rate(
            sum(self.writes.values())) * prices["write_capacity"]
