// Shows the values of a mark beside the pointer. They come from log lines, so they are inserted as text only.

import { byId, make } from "./dom.js";

const MARGIN = 12;

/** Tooltip handler in the form that Vega expects. */
export function handler(_view, event, _item, value) {
  const tip = byId("tip");
  if (value === null || value === undefined || value === "") {
    tip.hidden = true;
    return;
  }
  const pairs = typeof value === "object" ? Object.entries(value) : [["", value]];
  tip.replaceChildren(
    make("dl", {}, ...pairs.flatMap(([name, text]) => [make("dt", { text: name }), make("dd", { text: String(text), dir: "auto" })])),
  );
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  const left = Math.min(event.clientX + MARGIN, innerWidth - box.width - MARGIN);
  const above = event.clientY + MARGIN + box.height > innerHeight;
  tip.style.left = `${Math.max(MARGIN, left)}px`;
  tip.style.top = `${above ? Math.max(MARGIN, event.clientY - box.height - MARGIN) : event.clientY + MARGIN}px`;
}
