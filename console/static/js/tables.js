// Tables: the data of a chart, a table panel, or the newest documents, whose rows open an event.

import { make } from "./dom.js";
import { count, moment } from "./format.js";
import { list } from "./state.js";

const ATTACK_PAGES = "https://attack.mitre.org/";

/** Return the table of a panel's rows. `pick` returns a click handler for cells that the page can filter by. */
export function dataTable(table, caption, pick) {
  const rows = table.rows.map((cells) =>
    make("tr", {}, ...cells.map((cell, position) => dataCell(table.columns[position], position, cell, pick))),
  );
  return frame(table, caption, rows);
}

function dataCell(column, position, cell, pick) {
  const text = column.kind === "time" ? moment(cell) : cell;
  const name = position === 0 ? "th" : "td";
  const attributes = { class: column.kind, scope: position === 0 ? "row" : null, dir: "auto" };
  if (typeof text === "string" && text.startsWith(ATTACK_PAGES)) {
    return make(name, attributes, make("a", { href: text, rel: "noreferrer noopener", target: "_blank", text: text.slice(ATTACK_PAGES.length) }));
  }
  const onclick = pick?.(column, position, cell);
  if (!onclick) return make(name, { ...attributes, text });
  return make(name, attributes, make("button", { type: "button", class: "value", text, title: `Only ${text}`, onclick }));
}

/** Show the table of the newest documents. Existing rows stay the same elements, so that the focus stays. */
export function documentTable(container, table, caption, open) {
  const rows = rowsOf(container, table.rows, keyOf, (row, key) => documentRow(table, row, key, open));
  const old = container.querySelector("table");
  const titles = JSON.stringify(table.columns.map((column) => column.title));
  if (old && container.dataset.columns === titles) {
    sync(old.tBodies[0], rows);
    container.querySelector(".left-out")?.remove();
    const note = leftOut(table);
    if (note) container.querySelector(".scroll").append(note);
    return;
  }
  container.dataset.columns = titles;
  container.replaceChildren(frame(table, caption, rows));
}

/** Return what makes two rows of documents the same. */
export const keyOf = (row) => JSON.stringify([row.index, row.id, row.cells]);

/** Return a table row for each item: the one that `container` has with this key, else a new one. */
export function rowsOf(container, items, keyOf, build) {
  const before = new Map([...container.querySelectorAll("tbody tr")].map((row) => [row.dataset.key, row]));
  return items.map((item) => {
    const key = keyOf(item);
    return before.get(key) ?? build(item, key);
  });
}

export function documentRow(table, row, key, open, lead = null) {
  const [when, ...cells] = row.cells;
  const show = () => open(row.index, row.id, key);
  const first = table.opens
    ? make("button", { type: "button", class: "open", text: moment(when), "aria-haspopup": "dialog", onclick: show })
    : document.createTextNode(moment(when));
  const tr = make(
    "tr", { "data-key": key, class: table.opens ? "opens" : null },
    lead,
    make("th", { scope: "row", class: "time" }, first),
    ...cells.map((cell, position) => documentCell(table.columns[position + 1], cell)),
  );
  if (table.opens) tr.addEventListener("click", (event) => event.target.closest("button, label") || String(getSelection()) || show());
  return tr;
}

function documentCell(column, cell) {
  const text = column.kind === "time" ? moment(cell) : cell;
  const kind = column.field === "event.original" ? "raw" : column.kind === "time" ? "time" : null;
  return make("td", { text, dir: "auto", class: kind, "data-field": column.field, title: text.length > 40 ? text : null });
}

/** Set the rows of a table body, and touch only what differs. */
export function sync(body, rows) {
  const wanted = new Set(rows);
  [...body.children].filter((row) => !wanted.has(row)).forEach((row) => row.remove());
  rows.forEach((row, position) => {
    if (body.children[position] !== row) body.insertBefore(row, body.children[position] ?? null);
  });
}

function frame(table, caption, rows) {
  const heads = table.columns.map((column) => {
    const head = make("th", { scope: "col", class: column.kind, text: column.title, "data-field": column.field });
    if (column.width) head.style.minWidth = `${column.width}px`;
    return head;
  });
  const element = make(
    "table", {},
    make("caption", { class: "hidden", text: caption }),
    make("thead", {}, make("tr", {}, ...heads)),
    make("tbody", {}, ...rows),
  );
  return make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, element, leftOut(table));
}

function leftOut(table) {
  if (!table.left_out) return null;
  const text = `${count(table.left_out)} ${table.by_time ? "older" : "more"} events are not listed. `;
  return make("p", { class: "left-out" }, text, table.all ? allEvents(table.all, table.total) : null);
}

/** Return a link to the page of events; `address` has the arguments with which it lists all events of a shorter list. */
export function allEvents(address, total) {
  return make("a", { class: "all-events", href: list(address), text: total === 1 ? "Open in Events" : `All ${count(total)} in Events` });
}
