// The list of incidents, and the number of new ones in the page's title.

import { byId, make } from "./dom.js";
import { count, duration, moment, time } from "./format.js";
import * as incident from "./incident.js";
import * as seen from "./seen.js";
import * as state from "./state.js";
import { rowsOf, sync } from "./tables.js";

const TITLE = document.title;
const ADDRESS = /^[0-9a-f:.]{2,45}$/i;
let last = null;

export function start() {
  if (!byId("incidents")) return;
  incident.start();
  document.addEventListener("visibilitychange", () => (document.hidden ? seen.end() : null));
  addEventListener("pagehide", () => seen.end());
  byId("all-seen").addEventListener("click", () => {
    seen.end();
    if (last) show(last.incidents, last.range, last.filtered);
  });
}

/** Show a page of incidents. */
export function show(incidents, range, filtered) {
  if (!incidents) return;
  last = { incidents, range, filtered };
  if (!document.hidden) seen.note(incidents.rows, range.from, incidents.first && incidents.after === null && !filtered);
  const marks = incidents.rows.map((row) => seen.mark(row));
  const fresh = marks.filter((mark) => mark !== null).length;
  document.title = fresh ? `(${count(fresh)}) ${TITLE}` : TITLE;
  byId("all-seen").hidden = !fresh;
  byId("incident-count").textContent = summary(incidents, fresh);
  byId("incident-note").textContent = incidents.note ?? "";
  byId("incident-list").hidden = !incidents.rows.length;
  byId("no-incidents").hidden = incidents.rows.length > 0;
  const rows = incidents.rows.map((row, at) => [row, marks[at]]);
  sync(byId("incident-list").tBodies[0], rowsOf(byId("incident-list"), rows, JSON.stringify, ([row, mark], key) => line(row, mark, key)));
  ways(incidents);
}

function summary(incidents, fresh) {
  const { length } = incidents.rows;
  const shown = `${count(length)} ${length === 1 ? "incident" : "incidents"} of ${count(incidents.machines)} ${incidents.machines === 1 ? "machine" : "machines"}`;
  return fresh ? `${shown}, ${count(fresh)} new or grown since your last look` : shown;
}

function line(row, mark, key) {
  const open = () => incident.open(row.id);
  const name = make("button", { type: "button", class: "open", "aria-haspopup": "dialog", dir: "auto", onclick: open, text: row.family });
  const swatch = make("span", { class: "swatch", "aria-hidden": "true" });
  if (row.colour) swatch.style.background = row.colour;
  const tr = make(
    "tr", { "data-key": key, "data-id": row.id, class: "opens", "data-severity": row.severity_word },
    cell("Risk", "risk", make("span", { class: `badge ${row.severity_word}`, text: row.risk.toFixed(1), title: `Severity ${row.severity_word} (${row.severity})` })),
    cell("What", "what", swatch, name, mark ? make("span", { class: `mark ${mark}`, text: mark }) : null, make("span", { class: "labels", dir: "auto", text: labels(row) })),
    cell("Who", "who", make("span", { class: "kind", text: row.who[0] }), make("span", { class: `name ${ADDRESS.test(row.who[1]) ? "address" : ""}`, dir: "auto", text: row.who[1] })),
    cell(row.by === "target" ? "Sources" : "Targets", "others", others(row)),
    cell("When", "when", make("span", { text: moment(row.first) }), make("span", { class: "until", text: until(row) })),
    cell("Events", "number", count(row.events)),
    cell("ATT&CK", "technique", techniques(row)),
    cell("Verdict", "verdict", verdict(row)),
  );
  tr.addEventListener("click", (event) => event.target.closest("button, a") || String(getSelection()) || open());
  return tr;
}

function cell(title, kind, ...content) {
  return make(kind === "what" ? "th" : "td", { class: kind, scope: kind === "what" ? "row" : null, "data-title": title }, ...content);
}

/** List the labels of an incident, if they say more than its family. */
export function labels(row) {
  if (row.labels.length === 1) return row.labels[0][0] === row.family ? "" : row.labels[0][0];
  return row.labels.map(([name, events]) => `${name} ${count(events)}`).join(", ");
}

/** Say who is on the other side, in words. */
export function others(row) {
  const { count: number, first } = row.others;
  if (!number) return "–";
  const noun = row.by === "target" ? "source" : "target";
  if (number <= first.length) return first.map(([address]) => address).join(", ");
  return `${count(number)} ${noun}s, most ${first[0][0]}`;
}

function until(row) {
  const seconds = (row.last - row.first) / 1000;
  return row.first === row.last ? "" : ` to ${time(row.last)} (${duration(seconds)})`;
}

function techniques(row) {
  return row.techniques.length ? row.techniques.map((one) => `${one.id} ${one.name}`).join(", ") : "–";
}

/** Say how many alerts analysts judged, in words. */
export function verdict(row) {
  const [right, wrong, open] = row.verdicts;
  if (!right && !wrong) return "open";
  const parts = [[right, "true"], [wrong, "false"], [open, "open"]].filter(([number]) => number);
  return parts.map(([number, word]) => (parts.length === 1 ? `${word} positive` : `${count(number)} ${word}`)).join(", ");
}

/** Show the ways to the next page and back to the first. */
function ways(incidents) {
  const next = byId("more-incidents");
  const first = byId("first-incidents");
  next.hidden = incidents.after === null;
  first.hidden = incidents.first;
  next.onclick = () => turn(incidents.after);
  first.onclick = () => turn(null);
}

function turn(after) {
  state.setAfter(after);
  scrollTo(0, 0);
}
