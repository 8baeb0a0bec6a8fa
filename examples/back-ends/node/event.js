// A Lambda function that an EventBridge rule calls with Postern's events.

export async function handler({ "detail-type": type, detail: { user, reason } }) {
  switch (type) {
    case "Gmail Lapsed":
      return console.log(`pause the jobs of ${user.id} and ask them to connect again: ${reason}`);
    case "Gmail Grant Ends Soon":
      return console.log(`ask ${user.id} to connect again: the grant ends soon`);
    case "Gmail Disconnected":
      return console.log(`delete what you keep of the mailbox of ${user.id}`);
    case "Gmail Connected":
    case "Gmail Reconnected":
      return console.log(`start the jobs of ${user.id}`);
  }
}
