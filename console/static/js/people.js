// Who is signed in, where this console takes verdicts. The CSRF token stays in this module's memory.

import { get, post } from "./api.js";
import { make } from "./dom.js";
import { signIn } from "./login.js";

/** Whether this console takes verdicts. */
export const on = document.body.dataset.verdicts === "on";

let session = null;
let loading = null;

/** Return the session: `{ person, labels }`; a person without a token of their own has no name and may only read. */
export function load() {
  loading ??= fetchSession();
  return loading;
}

async function fetchSession() {
  try {
    session = await get("/api/session");
  } catch (problem) {
    if (problem.status !== 401) {
      loading = null;
      throw problem;
    }
    await signIn();
    session = await get("/api/session");
  }
  show();
  return session;
}

/** Send a write as the person who is signed in. If the session has ended, sign in and send it again. */
export async function send(path, body) {
  await load();
  try {
    return await post(path, body, session.csrf ?? "");
  } catch (problem) {
    if (problem.status !== 401) throw problem;
    await signIn();
    loading = null;
    await load();
    return post(path, body, session.csrf ?? "");
  }
}

/** Ask how far a write is. */
export const progress = (job) => get(`/api/verdicts/${job}`);

/** Show the name, and the button that ends the session. */
function show() {
  document.getElementById("person")?.remove();
  const name = session.person ?? "read only";
  const children = [make("span", { class: "name", text: name, title: session.person ? "Signed in" : "Sign in with your own token to judge events" })];
  children.push(make("button", { type: "button", class: "leave", text: session.person ? "Sign out" : "Sign in", onclick: session.person ? leave : enter }));
  document.querySelector(".tools").prepend(make("span", { id: "person", class: "person" }, ...children));
}

async function leave() {
  await send("/api/logout", {});
  location.reload();
}

async function enter() {
  await signIn();
  location.reload();
}
