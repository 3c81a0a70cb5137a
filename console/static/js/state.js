// The state of the page is in its URL, so that users can reload, bookmark and share it.
//
//   ?from=now-24h&to=now&user=alpha&family=dos&q=count > 3&event=INDEX/ID
//   of incidents: &incident=ID&after=200     of the list: &sort=event.risk_score:desc&page=2&list=KEY

const body = document.body.dataset;

export const page = body.page;
export const stream = body.stream;
export const usual = { from: body.from, to: body.to };

const listeners = [];

/** Add a function to call when the URL changes. */
export function onChange(listener) {
  listeners.push(listener);
}

const read = () => new URLSearchParams(location.search);

export const from = () => read().get("from") || usual.from;
export const to = () => read().get("to") || usual.to;
export const picked = (control) => read().getAll(control);
export const event = () => read().get("event");
export const incident = () => read().get("incident");
export const line = () => read().get("q") ?? "";
export const sort = () => read().get("sort") ?? "";
export const listPage = () => Number(read().get("page")) || 1;

const PLACE = ["page", "list", "after"]; // a page of the list belongs to these filters and this order

export function setRange(start, end) {
  write((now) => {
    now.set("from", start);
    now.set("to", end);
  });
}

export function pick(control, value) {
  write((now) => {
    if (!now.getAll(control).includes(value)) now.append(control, value);
  });
}

export function unpick(control, value) {
  write((now) => {
    const left = now.getAll(control).filter((one) => one !== value);
    now.delete(control);
    left.forEach((one) => now.append(control, one));
  });
}

export function clear(controls) {
  write((now) => [...controls, "q"].forEach((control) => now.delete(control)));
}

export function setLine(text) {
  write((now) => set(now, "q", text));
}

export function setSort(order) {
  write((now) => set(now, "sort", order));
}

/** Turn to a page of the list; `key` is the list's, or empty. */
export function turn(page, key) {
  write((now) => {
    set(now, "page", page > 1 ? String(page) : "");
    set(now, "list", page > 1 ? key : "");
  }, true);
}

/** Put the page that the console sent into the URL, without another request. */
export function settle(page, key) {
  const now = read();
  set(now, "page", page > 1 ? String(page) : "");
  set(now, "list", page > 1 ? key : "");
  history.replaceState(null, "", address(now));
}

function set(now, name, value) {
  if (value) now.set(name, value);
  else now.delete(name);
}

/** Put the open event, or none, into the URL, without another request for figures. */
export const setEvent = (reference) => replace("event", reference);

/** The same for the open incident. */
export const setIncident = (id) => replace("incident", id);

function replace(name, value) {
  const now = read();
  if (value === null) now.delete(name);
  else now.set(name, value);
  history.replaceState(null, "", address(now));
}

/** Turn to the incidents after a number of machines, or to the first ones. */
export function setAfter(machines) {
  const now = read();
  if (machines === null) now.delete("after");
  else now.set("after", machines);
  history.pushState(null, "", address(now));
  listeners.forEach((listener) => listener());
}

/** Return the query of a request for figures. */
export function query() {
  return without("event", "incident", "sort", "page", "list");
}

/** Return the query of a request for a page of the list. */
export const listQuery = () => without("event", "incident");

/** Return the query of a search: everything except the place in the list and the open event. */
export const search = () => without("event", "incident", ...PLACE);

function without(...names) {
  const now = read();
  names.forEach((name) => now.delete(name));
  return now.toString();
}

/** Return the URL of another page with the same time range and filters, and one more filter. */
export function elsewhere(path, control = null, value = null) {
  const now = new URLSearchParams(without("event", "incident", "sort", ...PLACE));
  if (control !== null && !now.getAll(control).includes(value)) now.append(control, value);
  const rest = now.toString();
  return rest ? `${path}?${rest}` : path;
}

/** Return the URL of the list of events with these arguments, beside those of `base`. */
export function list(arguments_, base = {}) {
  const now = new URLSearchParams(base);
  now.delete("sort");
  const names = new Set(arguments_.map(([name]) => name));
  names.forEach((name) => now.delete(name));
  arguments_.forEach(([name, value]) => now.append(name, value));
  return `/events?${now}`;
}

function write(change, turns = false) {
  const now = read();
  if (!turns) PLACE.forEach((name) => now.delete(name));
  change(now);
  history.pushState(null, "", address(now));
  listeners.forEach((listener) => listener());
}

function address(now) {
  const rest = now.toString();
  return rest ? `?${rest}` : location.pathname;
}

window.addEventListener("popstate", () => listeners.forEach((listener) => listener()));
