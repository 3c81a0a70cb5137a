// Creates elements from plain text. Nothing on the page parses text as HTML.

/** Create an element. Attributes that begin with `on` are listeners, `text` is its text, null ones are left out. */
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "text") element.textContent = value;
    else if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Return a part of the details of an event or incident. */
export function section(title, ...children) {
  return make("section", {}, make("h3", { text: title }), ...children);
}

/** Return names with their values, texts or elements; those without a value are left out. */
export function pairs(list) {
  return make("dl", { class: "pairs" }, ...list.filter(([, value]) => value !== null && value !== undefined && value !== "").flatMap(
    ([name, value]) => [make("dt", { text: name }), value instanceof Node ? make("dd", {}, value) : make("dd", { text: String(value), dir: "auto" })],
  ));
}

/** Split text into nodes; text between backticks becomes `code` elements. */
export function withCode(text) {
  return text.split("`").map((part, index) => (index % 2 ? make("code", { text: part }) : part));
}

export const byId = (id) => document.getElementById(id);

/** Announce a text to screen readers only. */
export function say(text) {
  byId("spoken").textContent = text;
}
