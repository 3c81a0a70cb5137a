// Keys of the page, in one table. A part registers an action; the help lists them all.
//
//   keys.register("v", "Give a verdict", () => ...)      return false: another part may handle the key

import { byId, make } from "./dom.js";

const TYPING = "input:not([type=checkbox]), textarea, select, [contenteditable]";
const DETAILS = ["story", "incident"];
const actions = new Map();

/** The dialog above everything else: an event may be open above its incident. */
export function topmost() {
  return [...document.querySelectorAll("dialog[open]")].sort((one, other) => DETAILS.indexOf(one.id) - DETAILS.indexOf(other.id))[0] ?? null;
}

/** Add an action for a key. The newest one of a key is asked first. */
export function register(key, title, action) {
  if (!actions.has(key)) actions.set(key, []);
  actions.get(key).unshift({ title, action });
}

export function start() {
  register("?", "Show these keys", help);
  byId("help-open").addEventListener("click", help);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.target.closest?.(TYPING)) return;
    const open = topmost();
    if (open !== null && !DETAILS.includes(open.id)) return;
    for (const { action } of actions.get(event.key) ?? []) {
      if (action() === false) continue;
      event.preventDefault();
      return;
    }
  });
}

function help() {
  const lines = [...actions].map(([key, [{ title }]]) => [key, title]);
  lines.push(["Enter", "Open the event or the link in focus"], ["Escape", "Close"]);
  byId("help-keys").replaceChildren(...lines.flatMap(([key, title]) => [make("dt", {}, make("kbd", { text: key })), make("dd", { text: title })]));
  byId("help").showModal();
}

/** Move the focus to the next row (1) or the previous one (-1) of the open incident, else of the lists on the page. */
export function step(by) {
  const place = topmost() ?? byId("main");
  const rows = [...place.querySelectorAll("button.open")].filter((button) => button.offsetParent !== null);
  if (!rows.length) return false;
  const here = rows.findIndex((button) => button.closest("tr").contains(document.activeElement));
  const next = here < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, here + by));
  rows[next].focus();
  rows[next].closest("tr").scrollIntoView({ block: "nearest" });
  return true;
}
