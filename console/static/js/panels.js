// Shows the figures of each panel: a number, a chart, a table, or why there is nothing.

import * as charts from "./charts.js";
import { make, withCode } from "./dom.js";
import * as state from "./state.js";
import { dataTable, documentTable } from "./tables.js";

const asTable = new Set();
let last = new Map();

/** Show all panels of an answer; `open` opens an event. */
export function show(panels, open) {
  last = new Map(panels.map((panel) => [panel.id, panel]));
  return Promise.all(panels.map((panel) => showPanel(panel, open)));
}

/** Draw what there is anew: another theme, another size. */
export function redraw(open) {
  return Promise.all([...last.values()].map((panel) => showPanel(panel, open)));
}

/** Let each chart be shown as the table of its data. */
export function startSwitches(open) {
  document.querySelectorAll(".as-table").forEach((button) =>
    button.addEventListener("click", () => {
      const id = button.closest(".panel").dataset.panel;
      if (!asTable.delete(id)) asTable.add(id);
      button.setAttribute("aria-pressed", String(asTable.has(id)));
      if (last.has(id)) showPanel(last.get(id), open);
    }),
  );
}

async function showPanel(panel, open) {
  const element = document.getElementById(`panel-${panel.id}`);
  if (!element) return;
  const body = element.querySelector(".body");
  const title = element.querySelector("h2").textContent;
  element.dataset.state = panel.state;
  note(element, panel);
  if (panel.state === "error") replace(body, make("p", { class: "problem", text: panel.problem }));
  else if (panel.state === "empty") replace(body, emptiness(panel));
  else if (panel.value !== undefined) replace(body, number(element, panel));
  else if (panel.table?.opens !== undefined) documentTable(body, panel.table, title, open);
  else if (panel.spec && !asTable.has(panel.id)) await chart(body, panel);
  else replace(body, dataTable(panel.table, title, picker(panel)));
  element.setAttribute("aria-busy", "false");
}

function replace(body, child) {
  const place = body.querySelector(".chart");
  if (place) charts.forget(place);
  delete body.dataset.columns;
  body.replaceChildren(child);
}

async function chart(body, panel) {
  let place = body.querySelector(".chart");
  if (!place) {
    place = make("div", { class: "chart" });
    body.replaceChildren(place);
  }
  await charts.draw(place, panel, Object.keys(panel.picks ?? {}).length || panel.drill_down ? (row) => pickRow(panel, row) : null);
}

/** A click on a mark: the innermost value by which the page can be filtered. */
function pickRow(panel, row) {
  const levels = Object.keys(panel.picks ?? {}).filter((level) => row[`by${level}`] !== undefined && row[`by${level}`] !== "others");
  if (!levels.length) return;
  const level = panel.drill_down ? levels[0] : levels[levels.length - 1];
  go(panel, level, row[`raw${level}`] ?? row[`by${level}`]);
}

/** For tables: a cell of a column by which the page can be filtered. */
function picker(panel) {
  return (_column, place, cell) => (panel.picks?.[place] !== undefined && cell !== "others" ? () => go(panel, place, cell) : null);
}

function go(panel, level, value) {
  const control = panel.picks[level];
  if (panel.drill_down) location.assign(state.elsewhere(`/${panel.drill_down}`, control, value));
  else state.pick(control, value);
}

function number(element, panel) {
  const value = make("p", { class: "figure", text: panel.value });
  if (element.dataset.colour) value.style.setProperty("--mark", element.dataset.colour);
  return value;
}

function emptiness(panel) {
  const lines = [make("p", {}, ...withCode(panel.why ? capital(panel.why) : "Nothing in this time range."))];
  if (panel.missing) {
    const names = panel.missing.join(", ");
    lines.push(make("p", { class: "problem" }, ...withCode(`The index has no field ${names}; \`oversight provision\` adds the fields of this version.`)));
  }
  return make("div", { class: "nothing" }, ...lines);
}

function capital(text) {
  return `${text[0].toUpperCase()}${text.slice(1)}.`;
}

/** A search that was answered in part says so above its figures. */
function note(element, panel) {
  let line = element.querySelector(".note");
  const text = panel.state !== "error" ? panel.problem : null;
  if (!text) line?.remove();
  else if (line) line.textContent = text;
  else element.querySelector("header").append(make("p", { class: "note", text }));
}
