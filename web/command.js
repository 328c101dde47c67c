// Commands to paste: each asks this node, whatever the reader's shell is set to.

import { el } from "./dom.js";
import { tokened } from "./node.js";

/** home is where the page is; a proxy may have put it below a path. */
export const home = new URL(".", location.href).href.replace(/\/$/, "");

/** dodona writes a command that asks this node. One with a token wants the file that holds it: FILE is the reader's to fill in. */
export const dodona = (words) => `dodona ${words} --api ${home}${tokened() ? " --token FILE" : ""}`;

/** verifyAt writes the command that fetches evidence at a path of this node and verifies it. */
export const verifyAt = (path) => (tokened()
  ? `curl -sH "Authorization: Bearer $(cat FILE)" ${home}/${path} | dodona verify -`
  : `dodona verify ${home}/${path}`);

/** command shows a command and a button that copies it. */
export function command(text) {
  const code = el("code", { text, tabindex: "0" });
  const button = el("button", { type: "button", class: "copy", text: "Copy" });
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(code); // beyond loopback browsers keep the clipboard to themselves
    }
  });
  return el("div", { class: "command", title: text.includes("FILE") ? "FILE holds the token" : null }, code, button);
}
