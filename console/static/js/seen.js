// Which incidents are new or have grown since the last look. The browser keeps this; the server stores nothing.
//
// A look ends when the page is hidden or closed. Incidents of one machine and family follow each other in time, so one
// time for each of these series is enough: what came after it is new.

import * as state from "./state.js";

const KEY = `oversight-incidents-seen:${state.stream}`;
const MOST = 4000;

let before = load();
let shown = new Map();
let from = null;

function load() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY));
    return { from: Number(kept.from), last: new Map(kept.last) };
  } catch {
    return null; // the first look, or a browser that keeps nothing
  }
}

/** Remember what the page shows. Without filters, `start` says from when on the list is complete. */
export function note(rows, start, complete) {
  rows.forEach((row) => shown.set(row.series, Math.max(row.last, shown.get(row.series) ?? 0)));
  if (complete) from = start;
}

/** Return "new", "grown" or null for an incident. */
export function mark(row) {
  if (before === null) return null;
  const last = before.last.get(row.series);
  if (last === undefined) return row.first >= before.from ? "new" : null;
  if (row.first > last) return "new";
  return row.last > last ? "grown" : null;
}

/** End the look: everything shown so far is seen. */
export function end() {
  if (!shown.size && from === null) return;
  const last = new Map([...(before?.last ?? []), ...shown].slice(-MOST));
  before = { from: from ?? before?.from ?? Date.now(), last };
  shown = new Map();
  try {
    localStorage.setItem(KEY, JSON.stringify({ from: before.from, last: [...last] }));
  } catch {
    // the browser keeps nothing; the marks last as long as the page
  }
}
