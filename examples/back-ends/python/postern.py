"""Gets access tokens from Postern's function `access-token`. Copy this file into your back end."""

import json
import os
import time
from datetime import datetime, timezone

import boto3
from google.oauth2.credentials import Credentials

# The stack's output AccessTokenFunction. The role of this process must be in BackEndRoleArns.
FUNCTION = os.environ["POSTERN_FUNCTION"]
functions = boto3.client("lambda")


class Problem(Exception):
    """Why there is no token: Postern's problem document."""

    def __init__(self, document):
        super().__init__(f"{document['code']}: {document['detail']}")
        self.code = document["code"]
        self.reason = document.get("reason")  # of a 401: why the user must connect again
        self.start_url = document.get("start_url")  # the page where the user does so
        self.retry_after = document.get("retry_after")  # seconds, if it will pass by itself


def ask(question):
    """Invokes the function, and raises the problem if that is the answer."""
    answer = functions.invoke(FunctionName=FUNCTION, Payload=json.dumps(question))
    payload = json.load(answer["Payload"])
    if "FunctionError" in answer:
        # The function was stopped or broke before it could answer; Lambda says why.
        raise RuntimeError(f"access-token failed: {payload}")
    if "code" in payload:
        raise Problem(payload)
    return payload


def credentials(user_id):
    """Credentials for Google's library, which calls `renew` for the first token, and when a token
    expires or Gmail refuses it. The token stays in memory. Never store or log one: asking is cheap.
    """

    def renew(request, scopes):
        # Google's library renews a token a few minutes early, so ask for one that lasts longer. And
        # never for the one that it has: Gmail may have refused it.
        question = {"user_id": user_id, "min_ttl_seconds": 600}
        if mailbox.token:
            question["refused_token"] = mailbox.token
        token = ask(question)
        # If Google did not say how long it lives, use it for a minute or two.
        expires_at = token["expires_at"] or time.time() + 300 + 60
        expiry = datetime.fromtimestamp(expires_at, timezone.utc)
        return token["access_token"], expiry.replace(tzinfo=None)

    mailbox = Credentials(None, refresh_handler=renew)
    return mailbox
