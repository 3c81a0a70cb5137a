// The message after a verdict, with a button that restores what stood before. It goes after ten seconds.

import { make, say } from "./dom.js";
import { count } from "./format.js";
import { topmost } from "./keys.js";
import * as people from "./people.js";

let shown = null;

/** Offer to undo a finished write. `done` is called after the undo. */
export function offer(job, text, done) {
  close();
  const button = make("button", { type: "button", class: "undo" });
  const line = make("span", { text });
  const element = make("div", { class: "toast", role: "status" }, line, button);
  // an open dialog is above everything else
  (topmost() ?? document.body).append(element);
  const end = performance.now() + job.undo_s * 1000;
  const tick = () => {
    const left = Math.ceil((end - performance.now()) / 1000);
    if (left <= 0) close();
    else button.textContent = `Undo (${left})`;
  };
  shown = { element, timer: setInterval(tick, 250) };
  tick();
  button.addEventListener("click", () => undo(job, line, button, done), { once: true });
}

/** Press the button, if there is one. */
export function press() {
  shown?.element.querySelector("button.undo:not(:disabled)")?.click();
}

async function undo(job, line, button, done) {
  clearInterval(shown?.timer);
  button.disabled = true;
  button.textContent = "Undoing …";
  try {
    let state = await people.send(`/api/verdicts/${job.job}/undo`, {});
    while (!state.ended) {
      await new Promise((wake) => setTimeout(wake, 300));
      state = await people.progress(state.job);
    }
    const kept = state.conflicts ? ` ${count(state.conflicts)} were judged by someone else since and stay.` : "";
    const problem = state.problem ? ` ${state.problem}` : "";
    line.textContent = `Restored ${count(state.written)} of ${count(state.total)} events.${kept}${problem}`;
    button.remove();
    say(line.textContent);
    done?.();
    if (shown) shown.timer = setTimeout(close, 4000);
  } catch (problem) {
    line.textContent = problem.message;
    button.remove();
  }
}

function close() {
  if (!shown) return;
  clearInterval(shown.timer);
  clearTimeout(shown.timer);
  shown.element.remove();
  shown = null;
}
