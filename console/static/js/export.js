// Exports the whole list as one file. The console sends it in parts, so that neither side holds all of it in memory:
// the browser keeps large files on disk.

import { get } from "./api.js";
import { make } from "./dom.js";
import { count } from "./format.js";
import * as state from "./state.js";

const KINDS = { csv: "text/csv", jsonl: "application/x-ndjson" };
const RETRY_MS = 3000;
const MOST_RETRIES = 200;
let running = null;

/** Export everything that the filters hold, in the order of the list; `place` says how far it is. */
export async function exportAll(format, place) {
  running?.stop();
  const job = { stopped: false, stop: () => (job.stopped = true) };
  running = job;
  const tell = (text, stoppable = true) => place.replaceChildren(
    text, stoppable ? make("button", { type: "button", text: "Stop", onclick: () => { job.stop(); tell("Export stopped.", false); } }) : "");
  try {
    const { parts, events, notices } = await collect(format, job, tell);
    if (job.stopped) return;
    save(new Blob(parts, { type: KINDS[format] }), `oversight-events-${new Date().toISOString().slice(0, 19).replaceAll(":", "-")}.${format}`);
    tell(`${count(events)} events exported. ${notices.join(" ")}`, false);
  } catch (problem) {
    if (problem.status === undefined) throw problem;
    tell(`The export failed: ${problem.message}`, false);
  } finally {
    if (running === job) running = null;
  }
}

/** Get the parts one after the other. While Elasticsearch or the console is away, wait and continue. */
async function collect(format, job, tell) {
  const query = state.search();
  const found = { parts: [], events: 0, notices: [] };
  let [page, key] = [1, ""];
  for (let retries = 0; !job.stopped; ) {
    let part;
    try {
      part = await get(`/api/export?${query}&${new URLSearchParams({ format, page, list: key })}`);
    } catch (problem) {
      if (![0, 429, 502, 503].includes(problem.status) || ++retries > MOST_RETRIES) throw problem;
      tell(`${problem.message} The export continues at event ${count(found.events + 1)} when it responds.`);
      await new Promise((done) => setTimeout(done, RETRY_MS));
      continue;
    }
    retries = 0;
    if (part.page !== page) found.parts = []; // the console was restarted and does not know the list: from the start
    if (part.notice && !found.notices.includes(part.notice)) found.notices.push(part.notice);
    found.parts.push(new Blob([part.text]));
    found.events = part.events;
    if (!part.more) break;
    [page, key] = [part.page + 1, part.list];
    tell(`${count(part.events)} of ${count(part.total)} events …`);
  }
  return found;
}

function save(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = make("a", { href: url, download: name, class: "hidden" });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
}
