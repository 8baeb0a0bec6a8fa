// Where `cargo xtask dev` put everything, and how tests change it.

const { POSTERN_API, POSTERN_PAGE, POSTERN_GOOGLE, POSTERN_DYNAMODB, POSTERN_ORIGINS } = process.env;

if (!POSTERN_ORIGINS) throw new Error("these tests need the local stack: start them with tests/browser/run");

export const API = POSTERN_API;
export const DEMO = POSTERN_PAGE;
export const GOOGLE = POSTERN_GOOGLE;
/** The same loopback server under two names: one of the API's site, and one of another site. */
export const [SAME_SITE, OTHER_SITE] = POSTERN_ORIGINS.split(",").filter((origin) => origin !== DEMO);
/** The same server again, under a name that the API does not list. */
export const THIRD_SITE = SAME_SITE.replace("localhost", "third.localhost");

/** Asks the fake Google's control API for something: `switches`, `revoke`, `failures`, `clear`... */
export async function google(action, fields = {}) {
  const answer = await fetch(`${GOOGLE}/control/${action}`, { method: "POST", body: JSON.stringify(fields) });
  if (!answer.ok) throw new Error(await answer.text());
}

/** Makes the codes that were issued so far older: moves every time in their rows back. */
export async function ageCodes(seconds) {
  const TableName = "SessionsTable";
  const { Items } = await dynamodb("Scan", { TableName });
  for (const item of Items.filter(({ id }) => id.S.startsWith("code#"))) {
    for (const value of Object.values(item)) if (value.N) value.N = `${value.N - seconds}`;
    await dynamodb("PutItem", { TableName, Item: item });
  }
}

async function dynamodb(operation, request) {
  const answer = await fetch(POSTERN_DYNAMODB, {
    method: "POST",
    headers: {
      // The local DynamoDB wants a signature, but does not check it.
      authorization: "AWS4-HMAC-SHA256 Credential=test, SignedHeaders=host, Signature=test",
      "x-amz-date": "20260101T000000Z",
      "content-type": "application/x-amz-json-1.0",
      "x-amz-target": `DynamoDB_20120810.${operation}`,
    },
    body: JSON.stringify(request),
  });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}
