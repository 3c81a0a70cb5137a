// Formats numbers and times.

const day = new Intl.DateTimeFormat("en-GB", { day: "2-digit", month: "short", year: "numeric" });
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const whole = new Intl.NumberFormat("en-US");

export const count = (value) => (value === null || value === undefined ? "–" : whole.format(value));

/** Format milliseconds or an ISO date as `25 Nov 2026, 10:09:14`; other values stay unchanged. */
export function moment(value) {
  const date = new Date(value);
  if (value === "" || value === null || Number.isNaN(date.getTime())) return String(value ?? "");
  return `${day.format(date)}, ${clock.format(date)}`;
}

export const time = (value) => clock.format(new Date(value));

export function percent(value) {
  return value === null || value === undefined ? "–" : `${(value * 100).toFixed(1)} %`;
}

/** Format a duration in a suitable unit. */
export function duration(seconds) {
  for (const [size, unit] of [[86400, "days"], [3600, "hours"], [60, "minutes"]]) {
    if (seconds >= 2 * size) return `${Math.round(seconds / size)} ${unit}`;
  }
  return seconds >= 10 ? `${Math.round(seconds)} s` : `${seconds.toFixed(1)} s`;
}

/** Return the value for an `<input type="datetime-local">`, in the browser's time zone. */
export function local(milliseconds) {
  const date = new Date(milliseconds - new Date(milliseconds).getTimezoneOffset() * 60000);
  return date.toISOString().slice(0, 19);
}

/** Return what an incident is called: its family, and its machine or target. */
export const incidentTitle = (row) => `${row.family} ${row.by === "target" ? "against" : "from"} ${row.who[1]}`;
