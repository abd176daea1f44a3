// Holding the case while its page is open. The form names the addresses, and whom the page is for.

import { csrfToken } from "./app.js";

const HEARTBEAT_MS = 10_000; // shorter than what a page that was left leaves of the lease
const ANSWER_MS = 10_000;

// How this page stands with the server: "fine", or the name of the notice that says what to do.
export async function standing(form) {
  try {
    const answer = await fetch(form.dataset.heartbeat, {
      method: "POST",
      headers: { "X-CSRFToken": csrfToken() },
      redirect: "manual",
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    if (answer.type === "opaqueredirect") return "ended";
    if (answer.status >= 500) return "silent";
    if (!answer.ok) return "other";
    const { held, user } = await answer.json();
    if (user !== form.dataset.user) return "other";
    return held || !form.hasAttribute("data-holds") ? "fine" : "lost";
  } catch {
    return "silent";
  }
}

export function hold(form, tell) {
  const beat = async () => {
    const found = await standing(form);
    if (found !== "silent") tell(found); // no answer is no verdict: the next beat asks again
  };
  beat(); // a page before this one, such as the same one before its reload, may have left the case
  setInterval(beat, HEARTBEAT_MS);
  document.addEventListener("visibilitychange", () => document.hidden || beat());
  // Told as the page goes, because a closed browser beats no more.
  addEventListener("pagehide", () => {
    const token = new FormData();
    token.set("csrfmiddlewaretoken", csrfToken());
    navigator.sendBeacon(form.dataset.leave, token);
  });
}
