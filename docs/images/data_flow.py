#!/usr/bin/env python3
"""Draws docs/images/data-flow.svg: where a user's data goes, for docs/google-verification.md.

    data_flow.py           writes it
    data_flow.py --check   fails if it is not as it should be
"""

import sys
from pathlib import Path
from xml.sax.saxutils import escape

PICTURE = Path(__file__).resolve().parent / "data-flow.svg"
WIDTH, LEGEND, LINE = 1105, 615, 21
STYLE = (
    ".page{fill:#fff}text{font:12px system-ui,sans-serif;fill:#1f2328}.name{font-weight:600}"
    ".zone{fill:none;stroke:#656d76;stroke-dasharray:6 4}.box{fill:#f6f8fa;stroke:#8c959f}"
    ".option{stroke-dasharray:3 3}.flow{fill:none;stroke:#0969da;stroke-width:1.5}"
    ".head{fill:#0969da}.dot{fill:#0969da}.digit{fill:#fff;font-weight:600;font-size:11px}"
    "@media(prefers-color-scheme:dark){.page{fill:#0d1117}text{fill:#e6edf3}.zone{stroke:#9198a1}"
    ".box{fill:#161b22;stroke:#6e7681}.flow{stroke:#58a6ff}.head{fill:#58a6ff}.dot{fill:#58a6ff}"
    ".digit{fill:#0d1117}}"
)

# Who holds what: (x, y, width, height, name).
ZONES = [
    (20, 60, 235, 190, "The user's browser"),
    (290, 60, 500, 515, "Your AWS account"),
    (825, 60, 260, 390, "Google"),
]
# (x, y, width, height, name, lines, whether it is there only by option)
BOXES = [
    (32, 95, 211, 135, "Your front end",
     ["pages of your domain", "cookies: session token; the", "sign-in under way, encrypted",
      "(or the session token in", "your page, server or app)"], False),
    (305, 95, 200, 75, "API Gateway",
     ["TLS, CORS, limits, access", "log with IP addresses"], False),
    (560, 95, 215, 90, "Postern's functions",
     ["Lambda, one role each;", "tokens decrypted in memory;", "mail only passes through"], False),
    (305, 250, 205, 85, "Credentials table",
     ["DynamoDB: tokens encrypted", "with AES-256-GCM; user ID,", "address, scopes, times"], False),
    (305, 350, 205, 85, "Sessions table",
     ["DynamoDB: hashes of session", "tokens, states, codes; user", "IDs; items expire"], False),
    (305, 450, 205, 85, "Your back ends",
     ["by IAM role; call Google with", "the access token that they", "get"], True),
    (560, 250, 215, 85, "Secrets Manager",
     ["keyring and the OAuth client's", "secret, apart from the tables"], False),
    (560, 350, 215, 85, "CloudWatch",
     ["logs with pseudonyms, counts;", "no mail, no token; deleted", "after LogRetention"], False),
    (560, 450, 215, 85, "EventBridge",
     ["user ID, status, scopes; no", "token; the address only by", "another option"], True),
    (840, 95, 230, 75, "Consent page",
     ["accounts.google.com", "the user agrees to the scopes"], False),
    (840, 200, 230, 85, "Token and revoke endpoints",
     ["oauth2.googleapis.com", "(and UserInfo, if the ID token", "lacks the address)"], False),
    (840, 330, 230, 85, "Gmail API", ["gmail.googleapis.com", "the user's mail"], False),
]
# (points, where its number stands, whether both ends have a head)
FLOWS = [
    ([(137, 95), (137, 35), (955, 35), (955, 95)], (540, 35), True),
    ([(243, 132), (305, 132)], (272, 132), True),
    ([(775, 125), (815, 125), (815, 242), (840, 242)], (815, 180), True),
    ([(535, 292), (510, 292)], (494, 266), True),
    ([(535, 392), (510, 392)], (494, 366), True),
    ([(560, 292), (535, 292)], (758, 266), False),
    ([(775, 150), (800, 150), (800, 372), (840, 372)], (800, 300), True),
    ([(535, 492), (510, 492)], (494, 466), True),
    ([(407, 535), (407, 595), (955, 595), (955, 415)], (680, 595), True),
    ([(535, 392), (560, 392)], (758, 366), False),
    ([(535, 492), (560, 492)], (758, 466), False),
]
# The ways between the functions and what lies below and before them; they carry no number.
JOINTS = [
    [(505, 132), (560, 132)],
    [(535, 492), (535, 215), (667, 215), (667, 185)],
]
LEGENDS = [
    "1  The browser goes to Google with client ID, scopes, state and PKCE challenge, and comes back "
    "with a code.",
    "2  Your pages send the code, session token and requests over TLS; they get the user's mail, "
    "with no-store.",
    "3  The code or refresh token, with the client's secret, is exchanged for tokens; on disconnect "
    "the grant is revoked.",
    "4  Refresh and access token are stored encrypted, bound to their user; read for each request; "
    "deleted on disconnect.",
    "5  SHA-256 of session tokens, states and one-time codes; a session ends after 7 days, or 12 "
    "hours without use.",
    "6  The functions read keyring and client secret into memory. Neither is in the environment or "
    "the tables.",
    "7  Gmail is asked with the access token; its answer goes to the caller. No mail is stored, "
    "logged or counted.",
    "8  Optional: a listed IAM role asks for a user's access token by ID, session or receipt. It "
    "never gets a refresh token.",
    "9  Optional: your back end reads mail itself. What it keeps is yours to describe.",
    "10  One line for each request: route, status, time, keyed pseudonym of the user.",
    "11  Optional: connected, lapsed, disconnected, for your back ends.",
]


def head(before, end):
    (x0, y0), (x, y) = before, end
    if x0 == x:
        step = 7 if y0 > y else -7
        return f'<path class="head" d="M{x} {y}l-4 {step}h8z"/>'
    step = 7 if x0 > x else -7
    return f'<path class="head" d="M{x} {y}l{step} -4v8z"/>'


def line(points, both):
    path = "L".join(f"{x} {y}" for x, y in points)
    drawn = [f'<path class="flow" d="M{path}"/>', head(points[-2], points[-1])]
    return drawn + ([head(points[1], points[0])] if both else [])


def picture():
    height = LEGEND + 24 + LINE * len(LEGENDS)
    title = "Data flow of an application that uses Postern"
    parts = [f'<rect class="page" width="{WIDTH}" height="{height}"/>']
    for x, y, width, tall, name in ZONES:
        parts.append(f'<rect class="zone" x="{x}" y="{y}" width="{width}" height="{tall}" rx="8"/>')
        parts.append(f'<text class="name" x="{x + 12}" y="{y + 20}">{escape(name)}</text>')
    for points in JOINTS:
        parts += line(points, False)
    parts.append(head(JOINTS[0][1], JOINTS[0][0]))
    for points, _, both in FLOWS:
        parts += line(points, both)
    for x, y, width, tall, name, lines, is_option in BOXES:
        kind = "box option" if is_option else "box"
        parts.append(
            f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{tall}" rx="5"/>')
        parts.append(f'<text class="name" x="{x + 10}" y="{y + 20}">{escape(name)}</text>')
        for row, words in enumerate(lines):
            parts.append(f'<text x="{x + 10}" y="{y + 38 + 16 * row}">{escape(words)}</text>')
    for number, (_, (x, y), _) in enumerate(FLOWS, 1):
        parts.append(f'<circle class="dot" cx="{x}" cy="{y}" r="9"/>')
        parts.append(f'<text class="digit" x="{x}" y="{y + 4}" text-anchor="middle">{number}</text>')
    for row, words in enumerate(LEGENDS):
        parts.append(f'<text x="20" y="{LEGEND + 20 + LINE * row}">{escape(words)}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{title}">\n<style>{STYLE}</style>\n'
        + "\n".join(parts) + "\n</svg>\n"
    )


if __name__ == "__main__":
    if "--check" not in sys.argv:
        PICTURE.write_text(picture())
    elif not PICTURE.exists() or PICTURE.read_text() != picture():
        sys.exit(f"{PICTURE.name} is not what data_flow.py draws: run it")
