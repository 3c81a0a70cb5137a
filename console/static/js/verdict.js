// The bar with which a signed-in person judges one event, a selection, an incident, or everything that the filters hold.

/**
 * Return the bar, or null where this console does not take verdicts.
 *
 *   verdictBar({ kind: "event", index, id, feedback, label })   one event, as it was shown
 *   verdictBar({ kind: "events", list, selected })              the rows selected in a list; it fires `selectionchange`
 *   verdictBar({ kind: "incident", id, done })                  all alerts of an incident
 *   verdictBar({ kind: "query", page, query })                  everything that the page's filters hold
 *
 * `done` is called after a write, so that the caller can show the new state.
 */
export function verdictBar(_what) {
  return null;
}
