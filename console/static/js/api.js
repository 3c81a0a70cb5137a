// Figures from the console's own routes; every failure is an `Unanswered` with one line for a person.

export class Unanswered extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const PATIENCE_MS = 90000;

/** JSON of a GET. */
export async function get(path, headers = {}) {
  let response;
  try {
    response = await fetch(path, { headers, signal: AbortSignal.timeout(PATIENCE_MS) });
  } catch {
    throw new Unanswered(0, "The console does not respond. The page tries again.");
  }
  let data = null;
  try {
    data = await response.json();
  } catch {
    throw new Unanswered(response.status, `The console responded with ${response.status} instead of figures. The page tries again.`);
  }
  if (!response.ok) throw new Unanswered(response.status, data.error?.message ?? `The console responded with ${response.status}.`);
  return data;
}
