"""What the contract cannot say: how to sign in, and which well-formed values exist."""

import json
import os
from urllib.parse import parse_qs, urlencode, urlsplit

import requests
import schemathesis
from schemathesis.core.parameters import ParameterLocation

API, PAGE, GOOGLE = (os.environ[f"POSTERN_{name}"] for name in ["API", "PAGE", "GOOGLE"])
ACCOUNT = "ann@example.com"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
# An authorization request; the challenge is the one of this verifier (RFC 7636 appendix B).
AUTHORIZATION = {
    "response_type": "code",
    "client_id": "schemathesis",
    "redirect_uri": f"{PAGE}/",
    "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    "code_challenge_method": "S256",
}


def begin(query=None, **headers):
    """Begins a sign-in and allows it at the fake Google: the flow cookie, and Google's answer."""
    asked = {"params": query, "headers": headers, "allow_redirects": False, "timeout": 10}
    started = requests.get(f"{API}/auth/start", **asked)
    cookie = started.headers["Set-Cookie"].split(";")[0]
    google = started.headers.get("Location") or started.json()["authorization_url"]
    scopes = parse_qs(urlsplit(google).query)["scope"][0].split()
    form = {"decision": "allow", "account": ACCOUNT, "scope": scopes}
    decision = google.replace("/auth?", "/auth/decision?")
    back = requests.post(decision, data=form, allow_redirects=False, timeout=10).headers["Location"]
    return cookie, parameters(back)


def parameters(address):
    """The parameters of an address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


@schemathesis.serializer("application/secevent+jwt")
def as_it_is(context, value):
    """A security event token is sent as it is; what is no text is wrong in any form."""
    return value if isinstance(value, bytes) else (value if isinstance(value, str) else json.dumps(value)).encode()


@schemathesis.auth()
class Session:
    """A session of the person whose mailbox is connected, as a bearer token."""

    def get(self, case, context):
        cookie, answer = begin(Accept="application/json", Origin=PAGE)
        headers = {"Origin": PAGE, "X-Requested-With": "schemathesis", "Cookie": cookie}
        body = {name: answer[name] for name in ["code", "state"]}
        finished = requests.post(f"{API}/oauth/callback", json=body, headers=headers, timeout=10)
        return finished.json()["session_token"]

    def set(self, case, data, context):
        case.headers["Authorization"] = f"Bearer {data}"


def start_sign_in(case):
    if "return_to" in case.query:
        case.query["return_to"] = f"{PAGE}/?from=schemathesis"
    if "response_type" in case.query:
        case.query.update(AUTHORIZATION)


def redeem_code(case):
    cookie, answer = begin(AUTHORIZATION)
    asked = {"params": answer, "headers": {"Cookie": cookie}, "allow_redirects": False, "timeout": 10}
    finished = requests.get(f"{API}/oauth/callback", **asked)
    code = parameters(finished.headers["Location"])["code"]
    again = {name: AUTHORIZATION[name] for name in ["client_id", "redirect_uri"]}
    case.body = {**case.body, **again, "code": code, "code_verifier": VERIFIER}
    if "session" in case.body:
        # Only a page can keep a cookie.
        case.headers["Origin"] = PAGE


def finish_sign_in_by_redirect(case):
    cookie, answer = begin()
    case.headers["Cookie"] = cookie
    case.query["state"] = answer["state"]
    if "code" in case.query:
        case.query["code"] = answer["code"]
    if "iss" in case.query:
        case.query["iss"] = "https://accounts.google.com"


def finish_sign_in_by_post(case):
    cookie, answer = begin(Accept="application/json", Origin=PAGE)
    case.headers["Cookie"] = cookie
    case.body = {**case.body, "code": answer["code"], "state": answer["state"]}


def list_messages(case):
    if "labelIds" in case.query:
        case.query["labelIds"] = ["INBOX"]
    if case.query.get("format") == "metadata":
        # Not with `all=true`, and with smaller pages.
        case.query.update(all="false", maxResults=min(int(case.query.get("maxResults", 1)), 100))
    if "pageToken" in case.query:
        # A token belongs to the query that it came from.
        query = {name: value for name, value in case.query.items() if name not in ["pageToken", "all"]}
        headers = {"Authorization": case.headers["Authorization"]}
        listed = requests.get(f"{API}/messages", params={**query, "maxResults": 1}, headers=headers, timeout=10)
        case.query["pageToken"] = listed.json().get("nextPageToken")


def get_message(case):
    headers = {"Authorization": case.headers["Authorization"]}
    listed = requests.get(f"{API}/messages", params={"maxResults": 1}, headers=headers, timeout=10)
    case.path_parameters["id"] = listed.json()["messages"][0]["id"]


def receive_security_event(case):
    event = {"account": ACCOUNT, "event": "account-enabled"}
    case.body = requests.post(f"{GOOGLE}/control/security-event", json=event, timeout=10).json()["token"]


def nothing_to_replace(case):
    pass


# Where a value is well-formed but would still be refused, a right one takes its place.
RIGHT = {
    "startSignIn": start_sign_in,
    "redeemCode": redeem_code,
    "finishSignInByRedirect": finish_sign_in_by_redirect,
    "finishSignInByPost": finish_sign_in_by_post,
    "listMessages": list_messages,
    "getMessage": get_message,
    "receiveSecurityEvent": receive_security_event,
}


@schemathesis.hook
def before_call(context, case, kwargs):
    meta = case.meta
    is_wrong_at = meta.is_negative_at if meta else lambda _: False
    if "Origin" in (case.headers or {}) and not is_wrong_at(ParameterLocation.HEADER):
        # So that the request passes the guards, and what is wrong elsewhere is found.
        case.headers["Origin"] = PAGE
    operation = case.operation.definition.raw["operationId"]
    if meta and meta.generation.mode.is_positive:
        RIGHT.get(operation, nothing_to_replace)(case)
    elif operation == "startSignIn" and case.query.keys() - {"return_to", "login_hint"}:
        # Without `response_type` the other parameters of an authorization request are ignored.
        case.query = {**AUTHORIZATION, **case.query}


@schemathesis.hook
def filter_query(context, query):
    """A schema counts characters, and the API bytes; and the API limits the whole query."""
    texts = [text for value in (query or {}).values() for text in (value if isinstance(value, list) else [value])]
    fits = all(text.isascii() or len(text.encode()) <= 256 for text in texts if isinstance(text, str))
    return fits and len(urlencode(query or {}, doseq=True, errors="surrogatepass")) <= 4096


@schemathesis.hook
def filter_body(context, body):
    """`cargo lambda watch` answers 500 itself to a body that is not UTF-8; API Gateway encodes it."""
    try:
        return not isinstance(body, bytes) or body.decode() is not None
    except UnicodeDecodeError:
        return False
