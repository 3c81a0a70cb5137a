// Shows each panel: a number, a chart, a table, or why it is empty.

import * as charts from "./charts.js";
import { make, withCode } from "./dom.js";
import * as list from "./list.js";
import * as state from "./state.js";
import { dataTable, documentTable } from "./tables.js";

const asTable = new Set();
let last = new Map();

/** Show all panels of a response; `open` opens an event. */
export function show(panels, open) {
  last = new Map(panels.map((panel) => [panel.id, panel]));
  return Promise.all(panels.map((panel) => showPanel(panel, open)));
}

/** Draw the panels again, after a change of theme or size. */
export function redraw(open) {
  return Promise.all([...last.values()].map((panel) => showPanel(panel, open)));
}

/** Let the user switch each chart to the table of its data. */
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
  else if (panel.list) list.draw(body, panel, title, open);
  else if (panel.table?.opens !== undefined) documentTable(body, panel.table, title, open);
  else if (panel.spec && !asTable.has(panel.id)) await chart(body, panel);
  else replace(body, dataTable(panel.table, title, picker(panel)));
  element.setAttribute("aria-busy", "false");
}

function replace(body, child) {
  const chartElement = body.querySelector(".chart");
  if (chartElement) charts.forget(chartElement);
  delete body.dataset.columns;
  body.replaceChildren(child);
}

async function chart(body, panel) {
  let chartElement = body.querySelector(".chart");
  if (!chartElement) {
    chartElement = make("div", { class: "chart" });
    body.replaceChildren(chartElement);
  }
  await charts.draw(chartElement, panel, Object.keys(panel.picks ?? {}).length || panel.drill_down ? (row) => pickRow(panel, row) : null);
}

/** Handle a click on a mark: filter by the innermost value that the page can filter by. */
function pickRow(panel, row) {
  const levels = Object.keys(panel.picks ?? {}).filter((level) => row[`by${level}`] !== undefined && row[`by${level}`] !== "others");
  if (!levels.length) return;
  const level = panel.drill_down ? levels[0] : levels[levels.length - 1];
  go(panel, level, row[`raw${level}`] ?? row[`by${level}`]);
}

/** Return the click handler of table cells that the page can filter by. */
function picker(panel) {
  return (_column, position, cell) => (panel.picks?.[position] !== undefined && cell !== "others" ? () => go(panel, position, cell) : null);
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

/** Show a note above the figures of a search that succeeded only in part. */
function note(element, panel) {
  let line = element.querySelector(".note");
  const text = panel.state !== "error" ? panel.problem : null;
  if (!text) line?.remove();
  else if (line) line.textContent = text;
  else element.querySelector("header").append(make("p", { class: "note", text }));
}
