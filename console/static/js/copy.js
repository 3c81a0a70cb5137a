// Copies text to the clipboard, also over plain HTTP, where browsers offer no clipboard to scripts.

import { make, say } from "./dom.js";
import { topmost } from "./keys.js";

/** Copy a text, and say what was copied. */
export async function copy(text, what) {
  try {
    if (navigator.clipboard) await navigator.clipboard.writeText(text);
    else copyBySelection(text);
    say(`Copied: ${what}.`);
    return true;
  } catch {
    say("The browser refused to copy.");
    return false;
  }
}

function copyBySelection(text) {
  const focused = document.activeElement;
  const field = make("textarea", { class: "hidden", "aria-hidden": "true" });
  (topmost() ?? document.body).append(field); // everything below an open dialog is inert
  field.value = text;
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  focused?.focus();
  if (!done) throw new Error("refused");
}

/** Return a button that copies a text. */
export function copyButton(title, text) {
  const button = make("button", { type: "button", class: "copy", text: title });
  button.addEventListener("click", async () => {
    button.textContent = (await copy(text, title.replace(/^Copy /, ""))) ? "Copied" : "Not allowed";
    setTimeout(() => (button.textContent = title), 1500);
  });
  return button;
}
