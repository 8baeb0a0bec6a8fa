"""A Lambda function that an EventBridge rule calls with Postern's events."""


def handler(event, context):
    user, reason = event["detail"]["user"]["id"], event["detail"]["reason"]
    match event["detail-type"]:
        case "Gmail Lapsed":
            print(f"pause the jobs of {user} and ask them to connect again: {reason}")
        case "Gmail Grant Ends Soon":
            print(f"ask {user} to connect again: the grant ends soon")
        case "Gmail Disconnected":
            print(f"delete what you keep of the mailbox of {user}")
        case "Gmail Connected" | "Gmail Reconnected":
            print(f"start the jobs of {user}")
