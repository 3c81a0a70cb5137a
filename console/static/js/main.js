// The refresh loop: fetches the figures, shows them, and repeats. While Elasticsearch is down, the page says so and keeps trying.

import { get } from "./api.js";
import { byId, say } from "./dom.js";
import * as filters from "./filters.js";
import { count } from "./format.js";
import * as header from "./header.js";
import * as incidents from "./incidents.js";
import * as keys from "./keys.js";
import * as list from "./list.js";
import { signIn } from "./login.js";
import * as panels from "./panels.js";
import * as people from "./people.js";
import * as queryLine from "./query_line.js";
import * as saved from "./saved.js";
import * as state from "./state.js";
import * as story from "./story.js";
import * as theme from "./theme.js";

const REFRESH_MS = Number(document.body.dataset.refresh) * 1000;
const RETRY_MS = 3000;
const SETTLE_MS = 150;
const HIDDEN_MS = 60000;

let live = true;
let timer = null;
let asking = null;
let down = false;
let wrong = false; // the filters are not valid

/** Fetch the current figures and show them. */
async function refresh({ spoken = false } = {}) {
  clearTimeout(timer);
  const mine = (asking = Symbol("request"));
  document.body.dataset.asking = "";
  try {
    const [answer, listed] = await Promise.all([get(`/api/pages/${state.page}?${state.query()}`), list.load()]);
    if (asking !== mine) return;
    recovered();
    queryLine.right();
    header.show(answer);
    filters.offer(answer.choices, answer.range);
    incidents.show(answer.incidents, answer.range, filters.any());
    await panels.show([...answer.panels, ...listed], story.open);
    if (spoken) say(`Updated: ${count(answer.header.total)} events stored, ${count(answer.header.pending)} pending, ${count(answer.header.failed)} failed.`);
    document.body.dataset.ready = "";
  } catch (problem) {
    if (asking !== mine) return;
    if (problem.status === 401) return signIn().then(refresh);
    fell(problem);
  }
  if (asking !== mine) return;
  delete document.body.dataset.asking;
  schedule();
}

function recovered() {
  if (!down && !wrong) return;
  if (down) say("Elasticsearch responds again.");
  down = wrong = false;
  header.hide();
}

function fell(problem) {
  if (problem.status === undefined) throw problem; // a bug in this page: let the browser log it
  down = problem.status !== 400;
  wrong = !down;
  if (problem.position !== null) queryLine.wrong(problem);
  else header.tell("down", problem.message);
  document.querySelectorAll(".panel").forEach((panel) => panel.setAttribute("aria-busy", "false"));
}

function schedule() {
  clearTimeout(timer);
  if (document.hidden) {
    // a page in the background shows the number of new incidents in its title
    if (live && state.page === "incidents") timer = setTimeout(refresh, Math.max(REFRESH_MS, HIDDEN_MS));
    return;
  }
  if (down) timer = setTimeout(refresh, RETRY_MS);
  else if (live) timer = setTimeout(refresh, REFRESH_MS);
}

function setLive(now) {
  live = now;
  const button = byId("live");
  button.setAttribute("aria-pressed", String(live));
  byId("live-text").textContent = live ? "Live" : "Paused";
  button.title = live ? `The figures refresh every ${REFRESH_MS / 1000} s; click to pause` : "Click to refresh the figures every few seconds";
  if (live) refresh();
  else schedule();
}

function start() {
  if (people.on) people.load().catch(fell);
  theme.start(() => panels.redraw(story.open));
  filters.start();
  keys.start();
  queryLine.start();
  saved.start();
  incidents.start();
  list.start();
  story.start();
  panels.startSwitches(story.open);
  byId("live").addEventListener("click", () => setLive(!live));
  state.onChange(() => refresh({ spoken: true }));
  document.addEventListener("figures", () => refresh());
  document.addEventListener("visibilitychange", () => (document.hidden || !live ? schedule() : refresh()));
  let settling = null;
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth === width) return;
    width = innerWidth;
    clearTimeout(settling);
    settling = setTimeout(() => panels.redraw(story.open), SETTLE_MS);
  });
  setLive(true);
}

start();
