"""What a back end does with Postern, as three commands: trade, unread, event."""

import json
import os
import sys

from googleapiclient.discovery import build

import event
import postern


def trade(receipt):
    """The page sent its receipt with a request of a user of yours: whose mailbox is it?"""
    # The origin of your page. Without it, receipts would pass that no page asked for.
    page = os.environ.get("APP_ORIGIN") or sys.exit("set APP_ORIGIN to the origin of your page")
    answer = postern.ask({"receipt": receipt})
    # Another front end of the same Postern gets receipts, too. Accept only those of your own page.
    if answer["origin"] != page:
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


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    try:
        match command:
            case "trade":
                trade(*arguments)
            case "unread":
                unread(*arguments)
            case "event":
                event.handler(json.load(sys.stdin), None)
    except postern.Problem as problem:
        if problem.start_url:
            # Only the user can help. Show this link on a page of yours.
            sys.exit(f"connect Gmail again ({problem.reason or problem.code}): {problem.start_url}")
        if problem.retry_after:
            # Put the job back into its queue. Until then the answer stays the same.
            sys.exit(f"try again in {problem.retry_after} s: {problem.code}")
        sys.exit(str(problem))
