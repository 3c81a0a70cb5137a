// The query line: suggests field names while the user types, and points at the wrong character.

import { get } from "./api.js";
import { byId, make, say } from "./dom.js";
import * as keys from "./keys.js";
import * as state from "./state.js";

const MOST = 8;
const AROUND = 24;
const NAME = /(?:^|[\s(])([A-Za-z_@][\w.@-]*)$/;
const input = byId("line");
const list = byId("line-fields");
let fields = null;
let active = -1;

export function start() {
  input.value = state.line();
  input.addEventListener("focus", () => load());
  input.addEventListener("input", suggest);
  input.addEventListener("blur", hide);
  input.addEventListener("keydown", pressed);
  state.onChange(() => {
    if (state.line() !== input.value) input.value = state.line();
    right();
  });
  keys.register("/", "Go to the query line", () => {
    if (document.querySelector("dialog[open]")) return false;
    input.focus();
    input.select();
    return true;
  });
}

/** Get the field names once, when they are first needed. */
async function load() {
  if (fields !== null) return;
  fields = [];
  try {
    fields = (await get("/api/fields")).fields;
    suggest(); // the user may have typed meanwhile
  } catch {
    fields = null; // without suggestions; the next focus tries again
  }
}

/** The name before the cursor, if a field can stand there. */
function typed() {
  const before = input.value.slice(0, input.selectionStart);
  return (before.match(/"/g) ?? []).length % 2 ? null : (NAME.exec(before)?.[1] ?? null);
}

function suggest() {
  const name = typed()?.toLowerCase();
  const found = name ? (fields ?? []).filter((field) => field.name.toLowerCase().includes(name)) : [];
  found.sort((one, other) => rank(one.name, name) - rank(other.name, name));
  active = -1;
  list.replaceChildren(...found.slice(0, MOST).map((field, place) => {
    const option = make("li", { role: "option", id: `line-field-${place}`, "aria-selected": "false", "data-name": field.name },
      make("b", { text: field.name }), make("i", { text: field.kind }), make("span", { text: field.meaning }));
    option.addEventListener("mousedown", (event) => {
      event.preventDefault();
      take(field.name);
    });
    return option;
  }));
  open(list.children.length > 0);
}

/** Names that begin with the typed text come first, then short ones. */
const rank = (name, typedName) => (name.toLowerCase().startsWith(typedName) ? 0 : 1000) + name.length;

function open(now) {
  list.hidden = !now;
  input.setAttribute("aria-expanded", String(now));
  if (!now) input.removeAttribute("aria-activedescendant");
}

function hide() {
  open(false);
}

function pressed(event) {
  if (event.key === "Enter") {
    event.preventDefault();
    if (!list.hidden && active >= 0) take(list.children[active].dataset.name);
    else search();
  } else if (event.key === "Escape" && !list.hidden) {
    event.preventDefault();
    hide();
  } else if (event.key === "Escape") {
    input.blur();
  } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && !list.hidden) {
    event.preventDefault();
    mark(event.key === "ArrowDown" ? 1 : -1);
  } else if (event.key === "Tab" && !event.shiftKey && !list.hidden && active >= 0) {
    event.preventDefault();
    take(list.children[active].dataset.name);
  }
}

function mark(by) {
  active = (active + by + list.children.length) % list.children.length;
  [...list.children].forEach((option, place) => option.setAttribute("aria-selected", String(place === active)));
  list.children[active].scrollIntoView({ block: "nearest" });
  input.setAttribute("aria-activedescendant", list.children[active].id);
}

function take(name) {
  const end = input.selectionStart;
  const start = end - (typed()?.length ?? 0);
  input.setRangeText(`${name}: `, start, end, "end");
  hide();
  input.focus();
}

function search() {
  hide();
  state.setLine(input.value.trim());
}

/** Show what is wrong with the line, and where. */
export function wrong(problem) {
  const letters = [...state.line()];
  const at = Math.min(problem.position, letters.length);
  const start = Math.max(0, at - AROUND);
  const part = make("bdi", { class: "part" },
    start ? "…" : "", letters.slice(start, at).join(""), make("mark", { text: letters[at] ?? "␣" }), letters.slice(at + 1, at + 1 + AROUND).join(""),
    letters.length > at + 1 + AROUND ? "…" : "");
  byId("line-wrong").replaceChildren(make("p", { text: problem.message }), make("p", {}, make("code", {}, part)));
  byId("line-wrong").hidden = false;
  input.setAttribute("aria-invalid", "true");
  if (document.activeElement === input && input.value === state.line()) {
    const place = letters.slice(0, at).join("").length;
    input.setSelectionRange(place, place + (letters[at]?.length ?? 0));
  }
  say(problem.message);
}

export function right() {
  byId("line-wrong").hidden = true;
  input.removeAttribute("aria-invalid");
}
