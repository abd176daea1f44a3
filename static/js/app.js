// What every page has: theme, keyboard help, and manners for live parts.

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

const help = document.querySelector("[data-help]");
document.querySelector("[data-theme-toggle]")?.addEventListener("click", toggleTheme);
document.querySelector("[data-help-open]")?.addEventListener("click", () => help.showModal());
document.addEventListener("keydown", (event) => {
  if (event.key === "?" && help && !isTyping(event.target)) help.showModal();
});

// A hidden tab asks for nothing.
document.addEventListener("htmx:beforeRequest", (event) => {
  const isPoll = event.detail.requestConfig.verb === "get";
  if (isPoll && document.hidden) event.preventDefault();
});

// A live part that is answered by another page (the session has ended) is left, not filled in.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr, requestConfig } = event.detail;
  const asked = new URL(requestConfig.path, location.href).pathname;
  const answered = new URL(xhr.responseURL, location.href).pathname;
  if (asked === answered) return;
  event.detail.shouldSwap = false;
  location.reload();
});
