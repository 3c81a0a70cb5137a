// The bar with which a signed-in person judges one event, a selection, an incident, or everything that the filters hold.
//
//   click ──▶ incident, filters: fix and count ──▶ "Judge 912 events?" ──▶ write ──▶ progress ──▶ told, undo
//         └─▶ events: with what was shown of each ──────────────────────────▲

import { make, say } from "./dom.js";
import { count } from "./format.js";
import * as people from "./people.js";
import * as undo from "./undo.js";

const ASK_MS = 400;
const LONGEST_COMMENT = 1000;
const WORDS = { true_positive: "true positive", false_positive: "false positive" };

/**
 * Return the bar, or null where this console does not take verdicts.
 *
 *   verdictBar({ kind: "event", index, id, seen })         one event, as it was shown
 *   verdictBar({ kind: "events", list, selected })         the rows selected in a list; it fires `selectionchange`
 *   verdictBar({ kind: "incident", id })                   all alerts of an incident
 *   verdictBar({ kind: "query", page, query })             everything that the page's filters hold; both are functions
 *
 * `selected()` returns objects with index, id and seen; `seen` comes with each event from the server. `done`, which each
 * kind may have, is called after a write and after its undo.
 */
export function verdictBar(what) {
  if (!people.on) return null;
  const element = make("div", { class: "verdict-bar", role: "group", "aria-label": titleOf(what) });
  people.load().then((session) => fill(element, what, session)).catch((problem) => element.replaceChildren(problem.message));
  return element;
}

function titleOf(what) {
  const titles = { event: "Judge this event", events: "Judge the selected events", incident: "Judge this incident", query: "Judge all events in the filters" };
  return titles[what.kind];
}

function fill(element, what, session) {
  if (!session.person) {
    element.replaceChildren(make("p", { class: "hint", text: "Sign in with your own token to judge events." }));
    return;
  }
  const label = make("select", { title: "The true label" }, make("option", { value: "", text: "label as predicted" }),
    ...session.labels.map((one) => make("option", { value: one.name, text: one.name })));
  const comment = make("input", { type: "text", placeholder: "comment", autocomplete: "off", dir: "auto" });
  const told = make("p", { class: "told" });
  const title = make("span", { class: "what", text: titleOf(what) });
  const bar = { element, what, label, comment, told, title };
  const button = (verdict, text, kind) => make("button", { type: "button", class: `judge ${kind}`, text, onclick: () => judge(bar, verdict) });
  bar.buttons = [button("true_positive", "True positive", "true"), button("false_positive", "False positive", "false"), button(null, "Remove verdict", "remove")];
  element.replaceChildren(title, ...bar.buttons, make("label", {}, "Label ", label), make("label", { class: "comment" }, "Comment ", comment), told);
  if (what.kind === "events") {
    what.list.addEventListener("selectionchange", () => choose(bar));
    choose(bar);
  }
}

/** Show how many events are selected. */
function choose(bar) {
  const events = bar.what.selected().length;
  bar.title.textContent = events === 1 ? "1 event selected" : `${count(events)} events selected`;
  bar.buttons.forEach((button) => (button.disabled = events === 0));
}

async function judge(bar, verdict) {
  const body = { request: requestId(), verdict };
  if (verdict !== null) {
    const comment = bar.comment.value.trim();
    const letters = [...comment].length;
    if (letters > LONGEST_COMMENT) {
      tell(bar, `The comment has ${count(letters)} characters; it can have at most ${count(LONGEST_COMMENT)}. Shorten it, and put the rest into a ticket.`, "problem");
      bar.comment.focus();
      return;
    }
    if (bar.label.value) body.label = bar.label.value;
    if (comment) body.comment = comment;
  }
  busy(bar, true);
  try {
    const chosen = await choice(bar, verdict);
    if (chosen !== null) await write(bar, { ...body, ...chosen });
  } catch (problem) {
    tell(bar, problem.message, "problem");
  }
  busy(bar, false);
}

/** Return what to judge; null: the person cancelled, or there is nothing. */
async function choice(bar, verdict) {
  const { what } = bar;
  if (what.kind === "event") return { events: [{ index: what.index, id: what.id, seen: what.seen }] };
  if (what.kind === "events") return { events: what.selected().map(({ index, id, seen }) => ({ index, id, seen })) };
  const asked = what.kind === "incident" ? { incident: what.id } : { page: what.page(), query: what.query() };
  const point = await people.send("/api/verdicts/point", asked);
  if (point.count === 0) {
    tell(bar, "No event with a prediction is chosen.");
    return null;
  }
  return (await confirmed(bar, point.count, verdict)) ? { point: point.point } : null;
}

/** Ask with the number of events. Escape cancels. */
function confirmed(bar, events, verdict) {
  const all = events === 1 ? "1 event" : `${count(events)} events`;
  const question = verdict === null ? `Remove the verdicts of ${all}?` : `Judge ${all} as ${WORDS[verdict]}?`;
  return new Promise((answer) => {
    const close = (yes) => {
      bar.told.replaceChildren();
      answer(yes);
    };
    const yes = make("button", { type: "button", class: "confirm", text: verdict === null ? `Remove ${count(events)}` : `Judge ${count(events)}`, onclick: () => close(true) });
    const no = make("button", { type: "button", text: "Cancel", onclick: () => close(false) });
    const line = make("span", { class: "question" }, question, " ", yes, " ", no);
    line.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      event.stopPropagation();
      close(false);
    });
    bar.told.replaceChildren(line);
    bar.told.className = "told";
    yes.focus();
  });
}

async function write(bar, body) {
  let state = await people.send("/api/verdicts", body);
  while (!state.ended) {
    running(bar, state);
    await new Promise((wake) => setTimeout(wake, ASK_MS));
    state = await people.progress(state.job);
  }
  const text = outcome(state, body.verdict);
  tell(bar, text, state.problem || state.conflicts || state.left ? "problem" : "");
  if (state.undo_s > 0) undo.offer(state, headline(state, body.verdict), bar.what.done);
  bar.comment.value = "";
  if (state.written) bar.what.done?.();
}

function running(bar, state) {
  const stop = make("button", { type: "button", text: "Stop", onclick: () => people.send(`/api/verdicts/${state.job}/stop`, {}) });
  bar.told.replaceChildren(`${count(state.done)} of ${count(state.total)} events … `, stop);
}

function headline(state, verdict) {
  const events = state.written === 1 ? "1 event" : `${count(state.written)} events`;
  return verdict === null ? `Removed the verdict of ${events}.` : `Judged ${events} as ${WORDS[verdict]}.`;
}

/** Say what became of all events. */
function outcome(state, verdict) {
  const parts = [headline(state, verdict)];
  if (state.unchanged) parts.push(`${count(state.unchanged)} were so already.`);
  if (state.conflicts) {
    const first = state.shown[0];
    const now = first?.verdict ? `${WORDS[first.verdict] ?? first.verdict} by ${first.by}` : `predicted as ${first?.label}`;
    parts.push(`${count(state.conflicts)} not changed: they changed since you looked (now ${now}). Look at them again.`);
  }
  for (const [reason, events] of Object.entries({ ...state.spared, ...state.refused })) parts.push(`${count(events)} not changed: ${reason}.`);
  if (state.gone) parts.push(`${count(state.gone)} no longer exist.`);
  if (state.left) parts.push(`${count(state.left)} kept changing; judge them again.`);
  if (state.stopped) parts.push("Stopped; judge again for the rest.");
  if (state.problem) parts.push(`${state.problem} What is written stays; judge again for the rest.`);
  return parts.join(" ");
}

function tell(bar, text, kind = "") {
  bar.told.className = `told ${kind}`;
  bar.told.replaceChildren(text);
  say(text);
}

function busy(bar, now) {
  bar.element.toggleAttribute("aria-busy", now);
  bar.buttons.forEach((button) => (button.disabled = now));
  if (!now && bar.what.kind === "events") choose(bar);
}

/** Return an id for one click. `crypto.randomUUID` exists over HTTPS only. */
function requestId() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
