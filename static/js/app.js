// What every page has: theme, keyboard help, and manners for live parts.

import { forgetOld, forgetUser } from "./mirror.js";

const root = document.documentElement;

function toggleTheme() {
  const systemDark = matchMedia("(prefers-color-scheme: dark)").matches;
  const now = root.dataset.theme ?? (systemDark ? "dark" : "light");
  root.dataset.theme = now === "dark" ? "light" : "dark";
  localStorage.setItem("theme", root.dataset.theme);
}

export function isTyping(target) {
  return target.closest("input:not([type=range], [type=radio], [type=checkbox]), textarea, select, dialog[open]") !== null;
}

export const csrfToken = () => document.cookie.match(/(?:^|; )csrftoken=([^;]*)/)?.[1] ?? "";
export const isWholePage = (xhr) => /^\s*<(!doctype|html)/i.test(xhr.responseText);

const help = document.querySelector("[data-help]");
document.querySelector("[data-theme-toggle]")?.addEventListener("click", toggleTheme);
document.querySelector("[data-help-open]")?.addEventListener("click", () => help.showModal());
document.addEventListener("keydown", (event) => {
  if (event.key === "?" && help && !isTyping(event.target)) help.showModal();
});

// A log-in in another tab renews the token, so each form takes the present one along.
document.addEventListener("submit", ({ target }) => {
  if (target.elements.csrfmiddlewaretoken) target.elements.csrfmiddlewaretoken.value = csrfToken();
}, true);

document.querySelector("[data-log-out]")?.addEventListener("submit", ({ target }) => forgetUser(target.dataset.logOut));
forgetOld();

const isPoll = (request) => request.verb === "get";

// A poll without an answer is given up (htmx-config); films take as long as they take.
document.addEventListener("htmx:configRequest", ({ detail }) => {
  if (!isPoll(detail)) detail.timeout = 0;
});

// A hidden tab asks for nothing.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (isPoll(event.detail.requestConfig) && document.hidden) event.preventDefault();
});

// A whole page is no answer to fill in: the log-in, since the session has ended, or a refusal.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr, requestConfig } = event.detail;
  if (!isWholePage(xhr)) return;
  event.detail.shouldSwap = false;
  const asked = new URL(requestConfig.path, location.href).pathname;
  const answered = new URL(xhr.responseURL, location.href).pathname;
  if (asked === answered) return;
  // Whoever has something typed to lose prevents the way to the log-in, and says so.
  const ended = new CustomEvent("pneumo:session-ended", { cancelable: true });
  if (document.dispatchEvent(ended)) location.reload();
});
