// The demo's reading of messages: which text it shows of Gmail's JSON.

import assert from "node:assert/strict";
import test from "node:test";

import { readMessage, withoutTags } from "../demo/text.js";

const part = (mimeType, bytes, more = {}) =>
  ({ mimeType, filename: "", body: { data: Buffer.from(bytes).toString("base64url") }, ...more });
const group = (mimeType, ...parts) => ({ mimeType, filename: "", body: { size: 0 }, parts });
const typed = (value) => ({ headers: [{ name: "Content-Type", value }] });

test("plain text is shown as it is", () => {
  const { text, attachments } = readMessage({ payload: part("text/plain", "Grüße,\n<b>Ann</b> >?~\n") });
  assert.equal(text, "Grüße,\n<b>Ann</b> >?~");
  assert.deepEqual(attachments, []);
});

test("of alternatives the plain text is shown, and other parts are joined", () => {
  const alternatives = group("multipart/alternative", part("text/plain", "One"), part("text/plain", "Two"));
  const payload = group("multipart/mixed", alternatives, part("text/plain", "Footer"));
  assert.equal(readMessage({ payload }).text, "One\n\nFooter");
});

test("attachments are named, and their text is not shown", () => {
  const file = part("text/plain", "secret", { filename: "notes.txt", body: { size: 6, attachmentId: "a" } });
  const read = readMessage({ payload: group("multipart/mixed", part("text/plain", "See the file"), file) });
  assert.deepEqual(read, { text: "See the file", attachments: [{ name: "notes.txt", size: 6 }] });
});

test("text that is not UTF-8 is read in the character set that the part names", () => {
  const bytes = Buffer.from([0x47, 0x72, 0xfc, 0xdf, 0x65]);
  const latin = part("text/plain", bytes, typed('text/plain; charset="ISO-8859-1"'));
  assert.equal(readMessage({ payload: latin }).text, "Grüße");
  const unknown = part("text/plain", bytes, typed("text/plain; charset=klingon"));
  assert.equal(readMessage({ payload: unknown }).text, "Gr\ufffd\ufffde");
});

test("a message without a body has no text", () => {
  assert.deepEqual(readMessage({ payload: { mimeType: "text/plain" } }), { text: "", attachments: [] });
});

test("HTML becomes its text: no tags, comments, styles or scripts", () => {
  for (const [html, text] of [
    ["<p>One</p>\n<P CLASS=x>Two<br/>Three</p>", "\nOne\n \nTwo\nThree\n"],
    ["<head><TITLE>T</title><style>p{}</STYLE ></head>A<!-- <b> --><script>1<2</script>B", "AB"],
    ["1 < 2 &amp; 3 > 2, <3 and <b>bold", "1 &lt; 2 &amp; 3 > 2, bold"],
    ["A<script>B", "A"],
    ["A<!-- B", "A"],
    ["A<b B", "A"],
    ["<styles>A</styles>", "A"],
    ["", ""],
  ]) {
    assert.equal(withoutTags(html), text, html);
  }
});

test("hostile HTML is read once, however it is made", (context) => {
  let steps = 0;
  const { indexOf } = String.prototype;
  context.mock.method(String.prototype, "indexOf", function (what, from) {
    const found = indexOf.call(this, what, from);
    steps += (found < 0 ? this.length : found) - from;
    return found;
  });
  for (const piece of ["<!--", "<style>", "<head>", "<title><", "<", "<p", "</", "<script></", "< ", "&#32;"]) {
    const html = piece.repeat(1e6 / piece.length);
    steps = 0;
    withoutTags(html);
    assert.ok(steps <= 2 * html.length, `${piece}: ${steps} steps`);
  }
});
