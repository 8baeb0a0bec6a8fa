// Makes plain text of a message in Gmail's JSON. HTML mail is shown as its text: nothing of it can
// run, load anything from elsewhere, or look like a part of this page.

/** `{ text, attachments: [{ name, size }] }`; `size` is in bytes. */
export function readMessage({ payload }) {
  return { text: textOf(payload).trim(), attachments: attachmentsOf(payload) };
}

/** The first of alternatives is the plainest (RFC 2046 section 5.1.4); other parts are joined. */
function textOf(part) {
  if (part.filename) return "";
  if (part.mimeType === "text/plain") return decode(part);
  if (part.mimeType === "text/html") return textOfHtml(decode(part));
  const texts = (part.parts ?? []).map(textOf).filter((text) => text.trim() !== "");
  return part.mimeType === "multipart/alternative" ? texts[0] ?? "" : texts.join("\n\n");
}

function attachmentsOf(part) {
  const inner = (part.parts ?? []).flatMap(attachmentsOf);
  return part.filename ? [{ name: part.filename, size: part.body?.size ?? 0 }, ...inner] : inner;
}

/** Gmail's base64url. Text that is not UTF-8 is in the character set that the part names. */
function decode({ body, headers = [] }) {
  const base64 = (body?.data ?? "").replaceAll("-", "+").replaceAll("_", "/");
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const type = headers.find(({ name }) => name.toLowerCase() === "content-type")?.value ?? "";
  const named = /charset="?([^\s";]+)/i.exec(type)?.[1] ?? "windows-1252";
  for (const charset of ["utf-8", named]) {
    try {
      return new TextDecoder(charset, { fatal: true }).decode(bytes);
    } catch {
      // Not this one.
    }
  }
  return new TextDecoder().decode(bytes);
}

/** The most characters of HTML mail that are read, so that no message keeps the page busy. */
const LIMIT = 100_000;

function textOfHtml(html) {
  const text = withoutTags(html.slice(0, LIMIT));
  // No tag is left: the parser, which this page's policy would stop at a style, decodes entities.
  const { body } = new DOMParser().parseFromString(`<body>${text}`, "text/html");
  const lines = body.textContent.split("\n").map((line) => line.trim());
  const rest = html.length > LIMIT ? "\n\n(The rest of this message is not shown.)" : "";
  return lines.join("\n").replace(/\n{3,}/g, "\n\n") + rest;
}

/** Elements whose content is no text. */
const UNSEEN = ["style", "script", "title"];
/** Elements that begin a line. */
const BLOCKS = /^(br|p|div|tr|li|h[1-6]|blockquote)$/;

/**
 * HTML without tags and comments; entities stay. It reads the text once, from the start to the end,
 * whatever is in it: what nothing closes reaches to the end, as in a browser.
 */
export function withoutTags(html) {
  const lower = html.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
  const find = (what, from) => (lower.indexOf(what, from) + 1 || lower.length + 1) - 1;
  let text = "";
  for (let at = 0; at < html.length; ) {
    const start = find("<", at);
    text += html.slice(at, start).replace(/\s+/g, " ");
    const [tag, name] = /^<[!?/]?([a-z0-9]*)/.exec(lower.slice(start, start + 16)) ?? [];
    if (tag === "<") text += "&lt;";
    if (BLOCKS.test(name)) text += "\n";
    if (tag === "<") at = start + 1;
    else if (lower.startsWith("<!--", start)) at = find("-->", start + 4) + 3;
    else if (tag === `<${name}` && UNSEEN.includes(name)) at = find(">", find(`</${name}`, start)) + 1;
    else at = find(">", start) + 1;
  }
  return text;
}
