// Ways from an event to its neighbours: links to the list of events with one filter, or with another time range.

import { make } from "./dom.js";
import * as state from "./state.js";

/** Return links for the ways of an event; null if there are none. */
export function pivots(ways) {
  if (!ways?.length) return null;
  return make("div", { class: "pivots", role: "group", "aria-label": "Related events" }, ...ways.map((way) => {
    const changesTime = way.arguments.from !== undefined;
    const base = changesTime ? state.search() : { from: state.from(), to: state.to() };
    return make("a", { href: state.list(Object.entries(way.arguments), base), text: way.title, dir: "auto" });
  }));
}
