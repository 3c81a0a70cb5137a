// Requests to the console's own routes. Every failure is a `RequestFailed` with a one-line message for the user.

export class RequestFailed extends Error {
  constructor(status, message, position = null) {
    super(message);
    this.status = status;
    this.position = position; // the wrong character of a query line
  }
}

const PATIENCE_MS = 90000;

/** Send a GET request and return the JSON. */
export const get = (path, headers = {}) => send(path, { headers });

/** Send a JSON body and return the JSON. `csrf` is the token of the session. */
export function post(path, body, csrf) {
  const headers = { "Content-Type": "application/json", "X-Oversight-CSRF": csrf };
  return send(path, { method: "POST", headers, body: JSON.stringify(body) });
}

async function send(path, options) {
  let response;
  try {
    response = await fetch(path, { ...options, signal: AbortSignal.timeout(PATIENCE_MS) });
  } catch {
    throw new RequestFailed(0, "The console does not respond. The page tries again.");
  }
  let data = null;
  try {
    data = await response.json();
  } catch {
    throw new RequestFailed(response.status, `The console responded with ${response.status} instead of figures. The page tries again.`);
  }
  if (!response.ok) {
    throw new RequestFailed(response.status, data.error?.message ?? `The console responded with ${response.status}.`, data.error?.position ?? null);
  }
  return data;
}
