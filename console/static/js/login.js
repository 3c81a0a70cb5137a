// Asks for the token where the console wants one; it goes into a header once, and a cookie that scripts cannot read stands for it.

import { get } from "./api.js";
import { byId } from "./dom.js";

let waiting = null;

/** Ask until the token is right. */
export function signIn() {
  if (waiting) return waiting;
  const dialog = byId("login");
  waiting = new Promise((done) => {
    byId("login-form").onsubmit = async (event) => {
      event.preventDefault();
      const token = byId("token").value;
      try {
        // a header takes bytes: the token's own, each as one letter
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
