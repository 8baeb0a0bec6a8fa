// The account menu: whose mailbox it is, signing out, and disconnecting.

import { byId, notify } from "./page.js";
import { dayOf } from "./dates.js";

/** `report(title, error, repeat)` shows an error. */
export function createAccount({ postern, report }) {
  const menu = byId("account-menu");
  const dialog = byId("disconnect");

  /** Shows whose mailbox is open, or nothing when none is. */
  function show(connection) {
    const email = connection?.user?.email ?? "your mailbox";
    byId("account").hidden = connection === undefined;
    for (const place of document.querySelectorAll(".email")) place.textContent = email;
    const since = connection?.connected_at;
    byId("connected-since").textContent = since ? `Connected since ${dayOf(since)}` : "";
    document.title = connection === undefined ? "Postern" : `All mail of ${email} – Postern`;
  }

  async function signOut(everywhere) {
    menu.hidePopover();
    try {
      await postern.signOut({ everywhere });
    } catch (error) {
      report("You are not signed out yet", error, () => signOut(everywhere));
    }
  }

  async function disconnect() {
    dialog.close();
    const text = "Google is asked to end the access.";
    notify("failure", { title: "Disconnecting…", text, isCalm: true });
    try {
      await postern.disconnect();
      const text = "The access is revoked at Google and deleted here.";
      notify("failure", { title: "The mailbox is disconnected", text, isCalm: true });
    } catch (error) {
      report("The mailbox is not disconnected yet", error, disconnect);
    }
  }

  byId("sign-out").addEventListener("click", () => signOut(false));
  byId("sign-out-everywhere").addEventListener("click", () => signOut(true));
  byId("open-disconnect").addEventListener("click", () => {
    menu.hidePopover();
    dialog.showModal();
  });
  byId("keep").addEventListener("click", () => dialog.close());
  byId("confirm-disconnect").addEventListener("click", disconnect);

  return { show, disconnect };
}
