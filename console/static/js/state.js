// The state of the page is in its URL, so that users can reload, bookmark and share it.
//
//   ?from=now-24h&to=now&user=alpha&family=dos&event=INDEX/ID&incident=ID&after=200

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
  write((now) => controls.forEach((control) => now.delete(control)));
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
  const now = read();
  ["event", "incident"].forEach((name) => now.delete(name));
  return now.toString();
}

/** Return the URL of another page with the same time range and filters, and one more filter. */
export function elsewhere(path, control = null, value = null) {
  const now = read();
  ["event", "incident", "after"].forEach((name) => now.delete(name));
  if (control !== null && !now.getAll(control).includes(value)) now.append(control, value);
  const rest = now.toString();
  return rest ? `${path}?${rest}` : path;
}

function write(change) {
  const now = read();
  now.delete("after");
  change(now);
  history.pushState(null, "", address(now));
  listeners.forEach((listener) => listener());
}

function address(now) {
  const rest = now.toString();
  return rest ? `?${rest}` : location.pathname;
}

window.addEventListener("popstate", () => listeners.forEach((listener) => listener()));
