// The list of events: sorted by a click on a column, turned without limit, with rows to select and an export.

import { get } from "./api.js";
import { make, say } from "./dom.js";
import { exportAll } from "./export.js";
import { count } from "./format.js";
import * as keys from "./keys.js";
import * as state from "./state.js";
import * as tables from "./tables.js";
import { verdictBar } from "./verdict.js";

/** The panel of the list; null on pages without one. It fires `selectionchange`. */
export const element = document.querySelector("[data-turns]");

const chosen = new Set();
let last = null;

export function start() {
  keys.register("j", "Next event", () => keys.step(1));
  keys.register("k", "Previous event", () => keys.step(-1));
  keys.register("v", "Go to the verdict buttons", judge);
  if (element === null) return;
  keys.register("x", "Select the event in focus", toggleFocused);
  keys.register("]", "Next page of the list", () => turn(1));
  keys.register("[", "Previous page of the list", () => turn(-1));
  state.onChange(() => clear());
}

/** Request the page of the list that the URL names. Return it as panels to show: one, or none. */
export async function load() {
  if (element === null) return [];
  return [await get(`/api/list?${state.listQuery()}`)];
}

/** The selected events that are shown: index, id, and the fingerprint of the verdict and label that were seen. */
export function selected() {
  return rows().filter((row) => chosen.has(keyOf(row))).map(({ index, id, seen }) => ({ index, id, seen }));
}

const rows = () => last?.table?.rows ?? [];
const keyOf = (row) => JSON.stringify([row.index, row.id]);

function clear() {
  if (!chosen.size) return;
  chosen.clear();
  changed();
}

function changed() {
  element.querySelectorAll("tbody tr").forEach((row) => (row.querySelector("input").checked = chosen.has(row.dataset.event)));
  const count = selected().length;
  const all = element.querySelector("thead input");
  if (all) {
    all.checked = count > 0 && count === rows().length;
    all.indeterminate = count > 0 && count < rows().length;
  }
  const said = element.querySelector(".selected");
  if (said) said.textContent = count ? `${count} selected` : "";
  element.dispatchEvent(new CustomEvent("selectionchange", { bubbles: true }));
}

function choose(key, now) {
  if (now) chosen.add(key);
  else chosen.delete(key);
  changed();
}

function toggleFocused() {
  const row = document.activeElement?.closest("[data-turns] tbody tr");
  if (!row) return false;
  choose(row.dataset.event, !chosen.has(row.dataset.event));
  return true;
}

function turn(by) {
  if (last === null || (by > 0 ? !last.list.more : last.list.page < 2)) return false;
  state.turn(last.list.page + by, last.list.key);
  return true;
}

/** Show a page of the list. Rows that stay are the same elements, so that the focus stays. */
export function draw(body, panel, title, open) {
  last = panel;
  const { list, table } = panel;
  if (list.page !== state.listPage() || (list.page > 1 && list.key)) state.settle(list.page, list.key);
  if (!body.querySelector(".list-tools")) body.replaceChildren(tools(), make("div", { class: "bars" }, ...bars()), make("div", { class: "place" }));
  describe(body, list);
  const place = body.querySelector(".place");
  const made = tables.rowsOf(place, table.rows, tables.keyOf, (row, key) => selectable(table, row, key, open));
  const shape = JSON.stringify([table.columns, panel.sort]);
  if (place.dataset.shape !== shape) {
    const element = make("table", {}, make("caption", { class: "hidden", text: title }), make("thead", {}, heads(panel)), make("tbody"));
    place.replaceChildren(make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": title }, element));
    place.dataset.shape = shape;
  }
  tables.sync(place.querySelector("tbody"), made);
  const shown = new Set(rows().map(keyOf));
  [...chosen].filter((key) => !shown.has(key)).forEach((key) => chosen.delete(key));
  changed();
}

function selectable(table, row, key, open) {
  const event = keyOf(row);
  const box = make("input", { type: "checkbox", onchange: (change) => choose(event, change.target.checked) });
  const tick = make("td", { class: "tick" }, make("label", {}, box, make("span", { class: "hidden", text: `Select the event ${row.id}`.slice(0, 80) })));
  const made = tables.documentRow(table, row, key, open, tick);
  made.dataset.event = event;
  return made;
}

function heads(panel) {
  const all = make("input", { type: "checkbox", onchange: (change) => {
    rows().forEach((row) => (change.target.checked ? chosen.add(keyOf(row)) : chosen.delete(keyOf(row))));
    changed();
  } });
  const tick = make("th", { scope: "col", class: "tick" }, make("label", {}, all, make("span", { class: "hidden", text: "Select all events of this page" })));
  const [sorted, direction] = [panel.sort.slice(0, panel.sort.lastIndexOf(":")), panel.sort.slice(panel.sort.lastIndexOf(":") + 1)];
  return make("tr", {}, tick, ...panel.table.columns.map((column, place) => {
    const field = place === 0 ? panel.sortable[0] : column.field;
    const head = make("th", { scope: "col", class: column.kind, "data-field": column.field });
    if (column.width) head.style.minWidth = `${column.width}px`;
    if (!panel.sortable.includes(field)) {
      head.textContent = column.title;
      return head;
    }
    const isSorted = field === sorted;
    if (isSorted) head.setAttribute("aria-sort", direction === "asc" ? "ascending" : "descending");
    const next = isSorted && direction === "desc" ? "asc" : "desc";
    head.append(make("button", { type: "button", class: "sort", text: column.title, title: `Sort by ${column.title}`, onclick: () => state.setSort(`${field}:${next}`) }));
    return head;
  }));
}

function tools() {
  const button = (name, text, label, onclick) => make("button", { type: "button", class: name, text, "aria-label": label, onclick });
  const save = (format) => () => exportAll(format, element.querySelector(".export-state"));
  return make("div", { class: "list-tools" },
    make("span", { class: "where" }),
    button("before", "‹ Previous", "Previous page of the list", () => turn(-1)),
    button("after", "Next ›", "Next page of the list", () => turn(1)),
    make("span", { class: "selected", role: "status" }),
    make("span", { class: "exports" },
      button("export", "CSV", "Export all these events as CSV", save("csv")), button("export", "JSON lines", "Export all these events as JSON lines", save("jsonl"))),
    make("span", { class: "export-state", role: "status" }),
    make("p", { class: "notice-line", role: "status", hidden: true }));
}

/** The bars with which a person judges: the selected events, and everything that the filters hold. */
function bars() {
  const done = () => document.dispatchEvent(new CustomEvent("figures"));
  return [
    verdictBar({ kind: "events", list: element, selected, done }),
    verdictBar({ kind: "query", page: () => state.page, query: () => state.query(), done }),
  ].filter((bar) => bar !== null);
}

function judge() {
  const place = keys.topmost() ?? document;
  const button = place.querySelector(".verdict-bar .judge:not(:disabled)");
  button?.focus();
  return button !== null;
}

function describe(body, list) {
  body.querySelector(".where").textContent = `${count(list.first)} to ${count(list.last)} of ${count(list.total)}`;
  body.querySelector(".before").disabled = list.page < 2;
  body.querySelector(".after").disabled = !list.more;
  const notice = body.querySelector(".notice-line");
  if (list.notice && notice.textContent !== list.notice) say(list.notice);
  if (list.notice || list.page < 2) notice.textContent = list.notice ?? "";
  notice.hidden = !notice.textContent;
}
