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

/**
 * The tags go first, so that the parser, which then only decodes the entities, meets no style that
 * this page's policy refuses.
 */
function textOfHtml(html) {
  const text = html
    .replace(/<!--[^]*?-->|<(head|style|script|title)\b[^]*?<\/\1\s*>/gi, "")
    .replace(/\s+/g, " ")
    .replace(/<\/?(br|p|div|tr|li|h[1-6]|blockquote)\b[^>]*>/gi, "\n")
    .replace(/<[^>]*>/g, "")
    .replaceAll("<", "&lt;");
  const { body } = new DOMParser().parseFromString(`<body>${text}`, "text/html");
  return body.textContent.replace(/ *\n */g, "\n").replace(/\n{3,}/g, "\n\n");
}
