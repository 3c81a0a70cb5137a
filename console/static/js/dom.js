// Elements made of plain text: nothing here or elsewhere in the page reads text as HTML.

/** An element; `attributes` beginning with `on` are listeners, `text` is its text, null ones are left out. */
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

/** Text in which what stands between backticks is code. */
export function withCode(text) {
  return text.split("`").map((part, place) => (place % 2 ? make("code", { text: part }) : part));
}

export const byId = (id) => document.getElementById(id);

/** Say something to a screen reader, and only to it. */
export function say(text) {
  byId("spoken").textContent = text;
}
