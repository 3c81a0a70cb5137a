// Asks for the token if the console requires one. The token is sent once, in a header; later requests use a cookie that scripts
// cannot read.

import { get } from "./api.js";
import { byId } from "./dom.js";

let waiting = null;

/** Ask until the token is correct. */
export function signIn() {
  if (waiting) return waiting;
  const dialog = byId("login");
  waiting = new Promise((done) => {
    byId("login-form").onsubmit = async (event) => {
      event.preventDefault();
      const token = byId("token").value;
      try {
        // a header takes bytes, so each byte of the token becomes one character
        const bytes = String.fromCharCode(...new TextEncoder().encode(token));
        await get("/api/login", { Authorization: `Bearer ${bytes}` });
      } catch (problem) {
        byId("login-wrong").textContent = problem.status === 401 ? "Wrong token." : problem.message;
        byId("login-wrong").hidden = false;
        byId("token").select();
        return;
      }
      byId("token").value = "";
      byId("login-wrong").hidden = true;
      dialog.close();
      waiting = null;
      done();
    };
  });
  dialog.addEventListener("cancel", (event) => event.preventDefault());
  dialog.showModal();
  byId("token").focus();
  return waiting;
}
