"""What a back end does with Postern, as three commands: trade, unread, event."""

import json
import os
import sys

from googleapiclient.discovery import build

import postern


def trade(receipt):
    """The page sent its receipt with a request of a user of yours: whose mailbox is it?"""
    answer = postern.ask({"receipt": receipt})
    # Another front end of the same Postern gets receipts, too. Accept only those of your own page.
    if answer["origin"] != os.environ["APP_ORIGIN"]:
        sys.exit(f"refused: the receipt is for {answer['origin']}")
    # Store this ID with your user. It is all that you need from now on.
    print(f"{answer['user']['id']} is {answer['user']['email']}")


def unread(user_id):
    """The subjects of the newest unread messages, whether or not the user is there."""
    # GMAIL_ENDPOINT is for tests, with a fake Google. Without it, this is Gmail.
    options = {"api_endpoint": os.environ.get("GMAIL_ENDPOINT", "https://gmail.googleapis.com")}
    with build("gmail", "v1", credentials=postern.credentials(user_id), client_options=options) as gmail:
        messages = gmail.users().messages()
        listed = messages.list(userId="me", q="is:unread", maxResults=3).execute()
        for message in listed.get("messages", []):
            wanted = {"format": "metadata", "metadataHeaders": "Subject"}
            found = messages.get(userId="me", id=message["id"], **wanted).execute()
            headers = found["payload"].get("headers", [])
            print(next((header["value"] for header in headers), "(no subject)"))


def event(event, context=None):
    """The handler of a Lambda function that an EventBridge rule calls."""
    user, reason = event["detail"]["user"]["id"], event["detail"]["reason"]
    match event["detail-type"]:
        case "Gmail Lapsed":
            print(f"pause the jobs of {user} and ask them to connect again: {reason}")
        case "Gmail Disconnected":
            print(f"delete what you keep of the mailbox of {user}")
        case "Gmail Connected" | "Gmail Reconnected":
            print(f"start the jobs of {user}")


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    try:
        match command:
            case "trade":
                trade(*arguments)
            case "unread":
                unread(*arguments)
            case "event":
                event(json.load(sys.stdin))
    except postern.Problem as problem:
        if problem.start_url:
            # Only the user can help. Show this link on a page of yours.
            sys.exit(f"connect Gmail again ({problem.reason or problem.code}): {problem.start_url}")
        if problem.retry_after:
            # Put the job back into its queue. Until then the answer stays the same.
            sys.exit(f"try again in {problem.retry_after} s: {problem.code}")
        sys.exit(str(problem))
