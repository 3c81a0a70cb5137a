// The details of one event, in a dialog. Escape closes it, and the focus returns to where it was.

import { get } from "./api.js";
import { copyButton } from "./copy.js";
import { byId, make, pairs, section } from "./dom.js";
import { incidentTitle, moment, percent } from "./format.js";
import * as keys from "./keys.js";
import { pivots } from "./pivots.js";
import * as state from "./state.js";
import { verdictBar } from "./verdict.js";

let asked = null;
let came = null;

export function start() {
  const dialog = byId("story");
  byId("story-before").addEventListener("click", () => step(-1));
  byId("story-after").addEventListener("click", () => step(1));
  keys.register("j", "Next event", () => dialog.open && step(1));
  keys.register("k", "Previous event", () => dialog.open && step(-1));
  byId("story-close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("close", closed);
  const reference = state.event();
  if (reference) {
    const cut = reference.indexOf("/");
    open(reference.slice(0, Math.max(0, cut)), reference.slice(cut + 1));
  }
}

/** The row of the open event, in the list that it was opened from. */
function row() {
  return came === null ? null : ([...document.querySelectorAll("tr[data-key]")].find((one) => one.dataset.key === came) ?? null);
}

function neighbour(by) {
  return (by > 0 ? row()?.nextElementSibling : row()?.previousElementSibling) ?? null;
}

/** Open the next event of the list (1), or the previous one (-1). */
function step(by) {
  const next = neighbour(by);
  if (next === null) return true;
  const [index, id] = JSON.parse(next.dataset.key);
  open(index, id, next.dataset.key);
  return true;
}

/** Open the event with this index and id; `from` is the key of its row. */
export async function open(index, id, from = document.activeElement?.closest("tr")?.dataset.key ?? null) {
  const dialog = byId("story");
  const mine = (asked = Symbol("event"));
  came = from;
  byId("story-before").disabled = neighbour(-1) === null;
  byId("story-after").disabled = neighbour(1) === null;
  byId("story-title").textContent = "Event";
  byId("story-content").replaceChildren(make("p", { class: "waiting", text: "…" }));
  if (!dialog.open) dialog.showModal();
  byId("story-title").focus();
  state.setEvent(`${index}/${id}`);
  try {
    const details = await get(`/api/event?${new URLSearchParams({ index, id })}`);
    if (asked !== mine) return;
    state.setEvent(`${details.index}/${details.id}`); // an address may name the event by its id alone
    show(details);
  } catch (problem) {
    if (asked === mine) byId("story-content").replaceChildren(make("p", { class: "problem", text: problem.message }));
  }
}

/** Show the event as it is now, if it is still open, at the same place. */
async function reload({ index, id }) {
  const mine = asked;
  const details = await get(`/api/event?${new URLSearchParams({ index, id })}`);
  if (asked !== mine) return;
  const place = byId("story-content").scrollTop;
  show(details);
  byId("story-content").scrollTop = place;
}

/** Find the row of the event again, because it may have been redrawn. */
function closed() {
  asked = null;
  state.setEvent(null);
  row()?.querySelector("button")?.focus();
}

function show(details) {
  const verdict = details.verdict;
  const what = verdict ? verdict.label : (details.status ?? "Event");
  const machines = details.machines.length === 2 ? details.machines.map(([, address]) => address).join(" → ") : "";
  byId("story-title").textContent = [what, details.who[1], machines].filter((part) => part).join(" · ");
  byId("story-content").replaceChildren(
    ...[
      lead(details), handling(details), failure(details.failure), likelihood(details), reasons(details), attack(details.attack), feedback(details), raw(details),
      features(details), facts(details), source(details),
    ].filter((part) => part !== null),
  );
  byId("story-content").scrollTop = 0;
}

function lead(details) {
  const { verdict } = details;
  const marks = [make("span", { class: `badge ${details.status ?? ""}`, text: details.status ?? "no status" })];
  if (verdict?.alert) marks.push(make("span", { class: "badge alert", text: "alert" }));
  if (verdict?.severity_word && verdict.severity > 0) marks.push(make("span", { class: `badge ${verdict.severity_word}`, text: verdict.severity_word }));
  if (verdict?.suppressed_by) marks.push(make("span", { class: "badge", text: `suppressed by ${verdict.suppressed_by}` }));
  if (verdict?.rescored) marks.push(make("span", { class: "badge", text: "rescored" }));
  const times = details.times.map(([name, value]) => [name, moment(value)]);
  const numbers = verdict === null ? [] : [
    ["Label", swatched(verdict.label, verdict.colour)],
    ["Closest label", verdict.closest === verdict.label ? null : verdict.closest],
    ["All labels", verdict.labels.join(", ")],
    ["Family", verdict.family],
    verdict.measured ?? ["", null],
    ["Probability", verdict.probability === null ? null : `${percent(verdict.probability)} of the closest label`],
    ["Novelty", verdict.novelty],
    ["Risk score", verdict.risk === null ? null : `${verdict.risk.toFixed(1)} of 100`],
    ["Severity", verdict.severity === null ? null : `${verdict.severity_word} (${verdict.severity})`],
  ];
  return make("section", { class: "lead" }, make("p", { class: "badges" }, ...marks), pairs([details.who, ...details.machines, ...numbers, ...times, ["Model", model(details.model)]]));
}

/** Copying, and the ways to related events. */
function handling(details) {
  const copies = [
    copyButton("Copy id", details.id), copyButton("Copy link", location.href),
    ...details.machines.map(([name, address]) => copyButton(`Copy ${name.toLowerCase()}`, address)),
    details.raw === null ? null : copyButton("Copy raw line", details.raw),
  ];
  return section("Related events", ...[incident(details.incident), pivots(details.pivots)].filter((one) => one !== null), make("p", { class: "copies" }, ...copies.filter((one) => one !== null)));
}

/** Link to the incident of an alert, unless the event was opened from there. */
function incident(row) {
  if (!row || byId("incident")?.open) return null;
  return make("p", { class: "part" }, "Part of the incident ", make("a", { href: `/?${new URLSearchParams({ incident: row.id })}`, text: incidentTitle(row), dir: "auto" }));
}

function model(values) {
  if (!values) return null;
  return `${values.id ?? "?"} ${values.version ?? ""}${values.current ? "" : ", not the current model"}`;
}

function swatched(text, colour) {
  const swatch = make("span", { class: "swatch", "aria-hidden": "true" });
  if (colour) swatch.style.background = colour;
  return make("span", { dir: "auto" }, colour ? swatch : null, text);
}

function failure(values) {
  if (!values) return null;
  return section("What went wrong", pairs([
    ["Reason", values.type], ["Message", values.message], ["Field", values.field], ["Pipeline", values.pipeline], ["Processor", values.processor],
  ]), make("p", { class: "hint" }, "The event is kept. After you fix the cause, run ", make("code", { text: "oversight retry" }), "."));
}

function likelihood(details) {
  if (!details.top.length) return null;
  const rows = details.top.map((label) => {
    const bar = make("span", { class: "bar" });
    bar.style.width = `${Math.max(0.5, (label.probability ?? 0) * 100)}%`;
    if (label.colour) bar.style.background = label.colour;
    return make("tr", {}, make("th", { scope: "row", text: label.label, dir: "auto" }), make("td", { class: "number", text: percent(label.probability) }), make("td", { class: "wide", "aria-hidden": "true" }, bar));
  });
  return section("The most likely labels", make("table", { class: "top3" }, make("caption", { class: "hidden", text: "The most likely labels" }),
    make("thead", { class: "hidden" }, make("tr", {}, make("th", { scope: "col", text: "Label" }), make("th", { scope: "col", text: "Probability" }), make("th", { scope: "col", text: "Bar" }))),
    make("tbody", {}, ...rows)));
}

function reasons(details) {
  if (!details.reasons.length && !details.warnings.length) return null;
  const parts = [];
  if (details.reasons.length) parts.push(make("ul", { class: "reasons" }, ...details.reasons.map((text) => make("li", { text, dir: "auto" }))));
  if (details.warnings.length) {
    parts.push(make("ul", { class: "warnings" }, ...details.warnings.map((warning) => make("li", {}, make("code", { text: warning.field }), ` ${warning.says}`))));
  }
  return section("Reasons", ...parts);
}

function attack(items) {
  if (!items.length) return null;
  return section("MITRE ATT&CK", pairs(items.map((item) => {
    const text = `${item.id} ${item.name}`;
    return [item.kind, item.page ? make("a", { href: item.page, rel: "noreferrer noopener", target: "_blank", text }) : text];
  })));
}

function feedback(details) {
  const given = details.feedback;
  const bar = details.verdict ? verdictBar({ kind: "event", ...details, done: () => reload(details) }) : null;
  if (given || bar) {
    return section("Analyst's verdict", given ? pairs([
      ["Verdict", given.verdict?.replace("_", " ")], ["Label", given.label], ["Comment", given.comment], ["By", given.by], ["At", given.at ? moment(given.at) : null],
    ]) : null, bar);
  }
  if (!details.verdict) return null;
  return section("Analyst's verdict", make("p", { class: "hint" }, "There is no verdict yet. To give one, run this command, or the same with ", make("code", { text: "false_positive" }), ":"),
    make("pre", { class: "command", dir: "ltr", tabindex: "0", "aria-label": "Command", text: details.command }));
}

function raw(details) {
  if (details.raw === null) return null;
  const parts = [make("pre", { class: "raw", dir: "ltr", tabindex: "0", "aria-label": "Raw line", text: details.raw || "(an empty line)" })];
  if (details.raw_cut) parts.push(make("p", { class: "hint", text: "The line is longer; Elasticsearch stores all of it." }));
  return section("Raw line", ...parts);
}

function features(details) {
  const { rows, usual_of: usual } = details.features;
  if (!rows.length) return null;
  const words = { unseen: "never seen", unusual: "unusual", missing: "missing" };
  const line = (row) => make("tr", { class: row.outside },
    make("th", { scope: "row", text: row.name, title: row.field }),
    make("td", { class: "number", text: row.value ?? "–", dir: "auto" }),
    make("td", { text: row.usual }), make("td", { text: row.seen }), make("td", { class: "mark", text: row.outside ? words[row.outside] : "" }));
  const ranked = { missing: 0, unseen: 1, unusual: 2 };
  const sorted = [...rows].sort((one, other) => (ranked[one.outside] ?? 3) - (ranked[other.outside] ?? 3));
  return section("What the model read", make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Features" }, make("table", {},
    make("thead", {}, make("tr", {}, ...["Feature", "Value", `Usual (90 % of ${usual})`, "Seen in training", ""].map((text) => make("th", { scope: "col", text })))),
    make("tbody", {}, ...sorted.map(line)))));
}

function facts(details) {
  return details.facts.length ? section("The other fields", pairs(details.facts)) : null;
}

function source(details) {
  return section("Document", make("p", { class: "hint" }, make("code", { text: `${details.index}/${details.id}` })),
    make("details", {}, make("summary", { text: "Document as stored in Elasticsearch" }), make("pre", { dir: "ltr", tabindex: "0", text: details.document })));
}
