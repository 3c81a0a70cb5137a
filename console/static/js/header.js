// The counts above every page, and the notices about empty pages and errors.

import { byId, make, withCode } from "./dom.js";
import { count, duration, moment, time } from "./format.js";
import * as state from "./state.js";

/** Show the header of a response. */
export function show(answer) {
  const header = answer.header;
  for (const name of ["total", "pending", "enriched", "failed", "watchers"]) {
    const element = document.querySelector(`[data-count="${name}"]`);
    element.querySelector("dd a").textContent = count(header[name]);
    if (name === "watchers") element.querySelector("dt").textContent = header.watchers === 1 ? "watcher" : "watchers";
    element.dataset.level = level(name, header);
    element.title = hint(name, header);
  }
  byId("updated").textContent = `as of ${time(answer.at)}`;
  datasets(answer.datasets ?? []);
  welcome(header);
  outside(answer);
}

function level(name, header) {
  if (name === "failed") return header.failed ? "bad" : "good";
  if (name === "watchers") return header.watchers === 0 ? "bad" : "good";
  if (name === "pending") return header.oldest_pending_s > 60 ? "bad" : header.pending ? "some" : "good";
  return "good";
}

function hint(name, header) {
  if (name === "pending" && header.oldest_pending_s !== null) return `The oldest pending event has waited for ${duration(header.oldest_pending_s)}`;
  if (name === "watchers" && header.watchers === 0) return "No watcher is running; `oversight watch` starts one";
  if (name === "watchers" && header.watchers === null) return "The watchers' heartbeats cannot be read";
  if (name === "total" && header.other) return `${count(header.other)} of these events have no status`;
  return "";
}

/** List the datasets of the namespace if there are several; only the page of operations has the place. */
function datasets(found) {
  const place = document.getElementById("datasets");
  if (!place) return;
  place.hidden = found.length < 2;
  const each = found.map((one) => `${one.dataset} (${one.model}, ${one.task}, ${count(one.features)} features)`);
  place.textContent = `Datasets of this namespace: ${each.join(", ")}. oversight console --dataset NAME shows another one.`;
}

/** Show the first steps if no event is stored yet. */
function welcome(header) {
  const empty = header.total === 0;
  byId("welcome").hidden = !empty;
  byId("grid").hidden = empty;
  if (!empty) return;
  byId("welcome-title").textContent = header.there ? "No events yet" : "The stream does not exist yet";
  byId("welcome-text").textContent = `${state.stream} ${header.there ? "contains no events" : "does not exist"}. This page shows events as soon as they arrive. Run these commands:`;
  const steps = [
    ["oversight provision", "creates pipelines, templates and the stream in Elasticsearch"],
    ["oversight serve", "runs the enrich service"],
    ["oversight watch", "adds a prediction to every event"],
    ["oversight ship FILE...", "sends files of raw events; `oversight simulate` creates some to try"],
  ].slice(header.there ? 1 : 0);
  byId("welcome-steps").replaceChildren(
    ...steps.map(([command, what]) => make("li", {}, make("code", { text: command }), " ", ...withCode(what))),
  );
}

/** If the time range is empty but events exist, say when they happened. */
function outside(answer) {
  const { header, range } = answer;
  const newest = header.newest;
  const gone = header.total > 0 && newest !== null && newest < range.from;
  if (!gone) {
    if (byId("notice").dataset.kind === "range") hide();
    return;
  }
  const button = make("button", { type: "button", text: "Show all time", onclick: () => state.setRange("all", "now") });
  tell("range", `This time range has no events; the newest event is from ${moment(newest)}. `, button);
}

/** Show an error above the page. */
export function tell(kind, text, ...more) {
  const notice = byId("notice");
  if (notice.dataset.kind === kind && notice.dataset.text === text) return;
  Object.assign(notice.dataset, { kind, text });
  notice.replaceChildren(text, ...more);
  notice.hidden = false;
}

export function hide() {
  const notice = byId("notice");
  notice.hidden = true;
  notice.replaceChildren();
  delete notice.dataset.kind;
  delete notice.dataset.text;
}
