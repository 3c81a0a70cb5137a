// Saved searches: kept in this browser, and shared as an address.

import { copy } from "./copy.js";
import { byId, make, say } from "./dom.js";
import * as state from "./state.js";

const KEY = "oversight-searches";
const MOST = 50;
const LONGEST = 4000;

export function start() {
  byId("saved-save").addEventListener("click", save);
  byId("saved-copy").addEventListener("click", () => copy(address(state.page, state.search()), "the address of this search"));
  byId("saved-name").addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    save();
  });
  byId("saved").addEventListener("toggle", show);
  byId("saved").addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    byId("saved").open = false;
    byId("saved").querySelector("summary").focus();
  });
  addEventListener("storage", show); // another tab saved one
}

/** The saved searches; whatever else is stored under the key is left out. */
function read() {
  try {
    const stored = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return stored.filter((one) => typeof one?.name === "string" && typeof one?.query === "string" && pages().has(one?.page)).slice(0, MOST);
  } catch {
    return [];
  }
}

/** The paths of the pages by name. */
function pages() {
  return new Map([...document.querySelectorAll("nav [data-page]")].map((link) => [link.dataset.page, new URL(link.href).pathname]));
}

function address(page, query) {
  const path = pages().get(page) ?? location.pathname;
  return `${location.origin}${path}${query ? `?${query}` : ""}`;
}

function write(searches) {
  try {
    localStorage.setItem(KEY, JSON.stringify(searches));
  } catch {
    say("The browser does not store the search; copy its address instead.");
  }
  show();
}

function save() {
  const name = byId("saved-name").value.trim();
  const query = state.search();
  if (!name) {
    byId("saved-name").focus();
    say("Give the search a name.");
    return;
  }
  if (query.length > LONGEST) {
    say("This search is too long to save; copy its address instead.");
    return;
  }
  const others = read().filter((one) => one.name !== name);
  write([{ name, page: state.page, query }, ...others].slice(0, MOST));
  byId("saved-name").value = "";
  say(`Saved: ${name}.`);
}

function show() {
  const searches = read();
  const lines = searches.map((one) => make("li", {},
    make("a", { href: address(one.page, new URLSearchParams(one.query).toString()), text: one.name, dir: "auto" }),
    make("button", { type: "button", class: "remove", text: "×", "aria-label": `Remove the search ${one.name}`, onclick: () => write(read().filter((other) => other.name !== one.name)) })));
  byId("saved-list").replaceChildren(...(lines.length ? lines : [make("li", { class: "hint", text: "No saved search yet." })]));
}
