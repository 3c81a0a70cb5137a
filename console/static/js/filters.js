// The row of filters: time range, and a list for each control of the page.

import { byId, make, say } from "./dom.js";
import { count, local } from "./format.js";
import * as state from "./state.js";

const controls = [...document.querySelectorAll("[data-control]")].map((element) => element.dataset.control);
let ends = null;

export function start() {
  byId("filters").addEventListener("submit", (event) => {
    event.preventDefault();
    if (event.submitter?.id === "apply") apply();
  });
  byId("range").addEventListener("change", (event) => choose(event.target.value));
  byId("clear").addEventListener("click", () => state.clear(controls));
  controls.forEach((control) => {
    const input = byId(`pick-${control}`);
    input.addEventListener("change", () => {
      const value = input.value;
      input.value = "";
      if (value) state.pick(control, value);
    });
  });
  state.onChange(show);
  show();
}

/** Whether the page shows less than everything of its time range. */
export const any = () => controls.some((control) => state.picked(control).length);

function choose(value) {
  if (value !== "absolute") {
    byId("absolute").hidden = true;
    state.setRange(value, "now");
    return;
  }
  byId("absolute").hidden = false;
  if (ends) {
    byId("from").value = local(ends.from);
    byId("to").value = local(ends.to);
  }
  byId("from").focus();
}

function apply() {
  const start = new Date(byId("from").value);
  const end = new Date(byId("to").value);
  if (Number.isNaN(start.getTime()) || Number.isNaN(end.getTime())) return;
  if (end <= start) say("The time range ends before it begins. Swap the two times.");
  else state.setRange(start.toISOString(), end.toISOString());
}

/** Show the filters of the URL. */
function show() {
  const select = byId("range");
  offerRange(select);
  const preset = state.to() === "now" && [...select.options].some((option) => option.value === state.from());
  select.value = preset ? state.from() : "absolute";
  byId("absolute").hidden = preset;
  if (!preset) {
    const [start, end] = [new Date(state.from()), new Date(state.to())];
    if (!Number.isNaN(start.getTime())) byId("from").value = local(start.getTime());
    if (!Number.isNaN(end.getTime())) byId("to").value = local(end.getTime());
  }
  controls.forEach(showPills);
  byId("clear").hidden = !state.line() && controls.every((control) => !state.picked(control).length);
  document.querySelectorAll("nav [data-page]").forEach((link) => {
    link.setAttribute("href", state.elsewhere(new URL(link.href).pathname));
  });
}

/** Add an option for a relative time range of the URL that is not in the list. */
function offerRange(select) {
  const parts = /^now-(\d+)([smhdwMy])$/.exec(state.from());
  if (!parts || state.to() !== "now" || [...select.options].some((option) => option.value === state.from())) return;
  const units = { s: "seconds", m: "minutes", h: "hours", d: "days", w: "weeks", M: "months", y: "years" };
  select.prepend(make("option", { value: state.from(), text: `Last ${parts[1]} ${units[parts[2]]}` }));
}

function showPills(control) {
  const element = document.querySelector(`[data-control="${control}"]`);
  const title = element.dataset.title;
  const pills = state.picked(control).map((value) =>
    make("li", {}, make("button", {
      type: "button", dir: "auto", text: value, title: value, "aria-label": `Remove the filter ${title} ${value}`,
      onclick: () => state.unpick(control, value),
    })),
  );
  element.querySelector(".pills").replaceChildren(...pills);
}

/** Fill the lists from the newest response. */
export function offer(choices, range) {
  ends = range;
  for (const [control, values] of Object.entries(choices)) {
    const options = values.map(([value, events]) => make("option", { value, label: `${value.slice(0, 80)} (${count(events)})` }));
    byId(`list-${control}`).replaceChildren(...options);
  }
}
