// The state of the page is in its URL, so that users can reload, bookmark and share it.
//
//   ?from=now-24h&to=now&user=alpha&family=dos&event=INDEX/ID

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
export function setEvent(reference) {
  const now = read();
  if (reference === null) now.delete("event");
  else now.set("event", reference);
  history.replaceState(null, "", address(now));
}

/** Return the query of a request for figures. */
export function query() {
  const now = read();
  now.delete("event");
  return now.toString();
}

/** Return the URL of another page with the same time range and filters, and one more filter. */
export function elsewhere(path, control = null, value = null) {
  const now = read();
  now.delete("event");
  if (control !== null && !now.getAll(control).includes(value)) now.append(control, value);
  const rest = now.toString();
  return rest ? `${path}?${rest}` : path;
}

function write(change) {
  const now = read();
  change(now);
  history.pushState(null, "", address(now));
  listeners.forEach((listener) => listener());
}

function address(now) {
  const rest = now.toString();
  return rest ? `?${rest}` : location.pathname;
}

window.addEventListener("popstate", () => listeners.forEach((listener) => listener()));
