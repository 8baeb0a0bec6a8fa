// One plain sentence about an error or a reason.

import { explain } from "@postern/client/explain";

export function Problem({ of }) {
  return of ? <p role="alert">{explain(of)}</p> : null;
}
