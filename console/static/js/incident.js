// One incident in a dialog: timeline, reasons, events, what else the machine did. The key m copies it as Markdown.

import { get } from "./api.js";
import { copy } from "./copy.js";
import { byId, make, pairs, section } from "./dom.js";
import { count, duration, incidentTitle, moment, time } from "./format.js";
import { labels, others, verdict } from "./incidents.js";
import * as keys from "./keys.js";
import * as state from "./state.js";
import * as story from "./story.js";
import { allEvents } from "./tables.js";
import { verdictBar } from "./verdict.js";

let asked = null;
let came = null;
let shown = null;

export function start() {
  const dialog = byId("incident");
  byId("incident-close").addEventListener("click", () => dialog.close());
  byId("incident-copy").addEventListener("click", copyMarkdown);
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("close", closed);
  keys.register("m", "Copy the open incident as Markdown", () => keys.topmost() === dialog && (copyMarkdown(), true));
  const id = state.incident();
  if (id) open(id);
}

/** Open the incident with this id. */
export async function open(id) {
  const dialog = byId("incident");
  const mine = (asked = Symbol("incident"));
  came = document.activeElement?.closest("tr")?.dataset.id ?? came;
  shown = null;
  byId("incident-title").textContent = "Incident";
  byId("incident-content").replaceChildren(make("p", { class: "waiting", text: "…" }));
  if (!dialog.open) dialog.showModal();
  byId("incident-title").focus();
  state.setIncident(id);
  try {
    const details = await get(`/api/incident?${new URLSearchParams({ id })}`);
    if (asked === mine) show(details);
  } catch (problem) {
    if (asked === mine) byId("incident-content").replaceChildren(make("p", { class: "problem", text: problem.message }));
  }
}

function closed() {
  asked = null;
  shown = null;
  state.setIncident(null);
  const row = [...document.querySelectorAll("tr[data-id]")].find((one) => one.dataset.id === came);
  row?.querySelector("button")?.focus();
  came = null;
}

async function copyMarkdown() {
  if (!shown) return;
  const done = await copy(shown.markdown, "the incident as Markdown");
  byId("incident-copied").textContent = done ? "Copied" : "The browser refused to copy";
}

function show(details) {
  shown = details;
  const row = details.incident;
  byId("incident-title").textContent = incidentTitle(row);
  byId("incident-copied").textContent = "";
  byId("incident-content").replaceChildren(
    ...[lead(row), verdictBar({ kind: "incident", id: row.id, done: () => open(row.id) }), meanings(details.meanings), timeline(details), reasons(details.reasons), around(details), events(details), reference(row)].filter((part) => part),
  );
  byId("incident-content").scrollTop = 0;
  byId("incident").dataset.ready = "";
}

function lead(row) {
  const seconds = (row.last - row.first) / 1000;
  const facts = [
    [row.who[0], row.who[1]],
    ["Labels", labels(row) || row.family],
    [row.by === "target" ? "Sources" : "Targets", row.others.count ? listOthers(row) : null],
    ["First seen", moment(row.first)],
    ["Last seen", row.last === row.first ? null : `${moment(row.last)}, ${duration(seconds)} later`],
    ["Events", count(row.events)],
    ["Highest risk", `${row.risk.toFixed(1)} of 100`],
    ["ATT&CK", row.techniques.length ? make("span", {}, ...row.techniques.map(technique)) : null],
    ["Verdict", verdict(row)],
  ];
  return make("section", { class: "lead" },
    make("p", { class: "badges" }, make("span", { class: `badge ${row.severity_word}`, text: row.severity_word })),
    pairs(facts));
}

function listOthers(row) {
  const { count: number, first } = row.others;
  const named = first.map(([address, events]) => `${address} (${count(events)})`).join(", ");
  return number > first.length ? `${count(number)}, most: ${named}` : named;
}

function technique(one) {
  const text = `${one.id} ${one.name}`;
  return make("span", { class: "one" }, one.page ? make("a", { href: one.page, rel: "noreferrer noopener", target: "_blank", text }) : text);
}

function meanings(items) {
  if (!items.length) return null;
  return section("What it is", ...items.map(([name, text]) => make("p", {}, make("strong", { text: name }), `: ${text}`)));
}

/** Draw one bar for each part of the time, and say the same in a sentence. */
function timeline(details) {
  const { timeline: bars, bar_ms: width, incident: row } = details;
  if (bars.length < 2) return null;
  const begin = Math.floor(row.first / width) * width;
  const parts = Math.min(200, Math.floor((row.last - begin) / width) + 1);
  const most = Math.max(...bars.map(([, events]) => events));
  const byPart = new Map(bars.map(([start, events]) => [Math.round((start - begin) / width), [start, events]]));
  const list = make("div", { class: "timeline", "aria-hidden": "true" });
  for (let part = 0; part < parts; part += 1) {
    const [start, events] = byPart.get(part) ?? [begin + part * width, 0];
    const bar = make("span", { title: `${time(start)}: ${count(events)} events` });
    bar.style.height = events ? `${Math.max(4, (events / most) * 100)}%` : "0";
    list.append(bar);
  }
  const peak = bars.find(([, events]) => events === most);
  return section("Timeline", list,
    make("p", { class: "ends" }, make("span", { text: time(row.first) }), make("span", { text: time(row.last) })),
    make("p", { class: "hint", text: `A bar is ${duration(width / 1000)}. Most events at ${time(peak[0])}: ${count(most)}.` }));
}

function reasons(items) {
  if (!items.length) return null;
  return section("Distinct reasons", make("ul", { class: "reasons" }, ...items.map(
    ([text, events]) => make("li", { dir: "auto" }, text, make("span", { class: "times", text: ` ${count(events)} ${events === 1 ? "event" : "events"}` })),
  )));
}

function around(details) {
  const { around: items, incident: row } = details;
  const title = row.by === "target" ? "What else reached this target" : "What else this machine did";
  if (items === null) return section(title, make("p", { class: "hint", text: "These alerts name no machine." }));
  if (!items.length) return section(title, make("p", { class: "hint", text: "Nothing from an hour before to an hour after." }));
  return section(title, make("p", { class: "hint", text: "From an hour before to an hour after, without this incident." }),
    table(["Label", "Events", "Alerts", "First", "Last"], items.map(([name, events, alerts, first, last]) => make("tr", {},
      make("th", { scope: "row", text: name, dir: "auto" }), make("td", { class: "number", text: count(events) }), make("td", { class: "number", text: count(alerts) }),
      make("td", { class: "time", text: first === null ? "–" : time(first) }), make("td", { class: "time", text: last === null ? "–" : time(last) })))));
}

function events(details) {
  const { events: items, incident: row } = details;
  const side = row.by === "target" ? "source" : "destination";
  const left = row.events - items.length;
  const rows = items.map((event) => {
    const show = () => story.open(event.index, event.id);
    const tr = make("tr", { class: "opens" },
      make("th", { scope: "row", class: "time" }, make("button", { type: "button", class: "open", "aria-haspopup": "dialog", text: time(event.at), title: moment(event.at), onclick: show })),
      make("td", { text: event.label, dir: "auto" }), make("td", { class: "number", text: event.risk === null ? "–" : event.risk.toFixed(1) }),
      make("td", { class: "address", text: event[side] || event.user, dir: "auto" }), make("td", { text: event.service, dir: "auto" }),
      make("td", { text: event.verdict.replace("_", " ") }));
    tr.addEventListener("click", (click) => click.target.closest("button") || String(getSelection()) || show());
    return tr;
  });
  return section("Events", table(["Time", "Label", "Risk", row.by === "target" ? "Source" : "Target", "Service", "Verdict"], rows),
    make("p", { class: "left-out" }, left > 0 ? `${count(left)} later events are not listed here. ` : null, details.all ? allEvents(details.all, row.events) : null));
}

function table(titles, rows) {
  return make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": titles.join(", ") }, make("table", {},
    make("thead", {}, make("tr", {}, ...titles.map((text) => make("th", { scope: "col", text })))),
    make("tbody", {}, ...rows)));
}

function reference(row) {
  return section("Id", make("p", { class: "hint" }, make("code", { text: row.id })));
}
