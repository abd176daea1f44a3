// Films chosen or dropped, told by name in this browser only, and kept when the server says no.

import { isWholePage } from "./app.js";

const form = document.getElementById("submit-form");
const input = document.getElementById("films");
const drop = document.querySelector("[data-drop]");
const list = document.querySelector("[data-chosen]");
const bar = document.querySelector("[data-progress]");
const sending = document.querySelector("[data-sending]");
const ended = document.querySelector("[data-ended]");
const messages = document.getElementById("submit-messages");
let chosen = [];

const sizeOf = ({ size }) =>
  size < 1048576 ? `${Math.ceil(size / 1024)} kB` : `${(size / 1048576).toFixed(1)} MB`;
const isSame = (one, other) =>
  one.name === other.name && one.size === other.size && one.lastModified === other.lastModified;

function keep(files) {
  chosen = files;
  const transfer = new DataTransfer();
  files.forEach((file) => transfer.items.add(file));
  input.files = transfer.files;
  list.replaceChildren(...files.map(line));
}

function line(file, index) {
  const item = document.createElement("li");
  const remove = document.createElement("button");
  remove.type = "button";
  remove.className = "quiet";
  remove.textContent = "Remove";
  remove.setAttribute("aria-label", `Remove film ${index + 1}`);
  remove.addEventListener("click", () => keep(chosen.filter((other) => other !== file)));
  const size = document.createElement("span");
  size.className = "muted num";
  size.textContent = sizeOf(file);
  const name = document.createElement("span");
  name.textContent = `Film ${index + 1}: ${file.name}`;
  item.append(name, size, remove);
  return item;
}

function add(files) {
  const fresh = [...files].filter((file) => !chosen.some((other) => isSame(file, other)));
  keep([...chosen, ...fresh]);
}

input.addEventListener("change", () => add(input.files));
for (const kind of ["dragenter", "dragover"]) {
  drop.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
}
for (const kind of ["dragleave", "drop"]) {
  drop.addEventListener(kind, () => drop.classList.remove("over"));
}
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  add(event.dataTransfer.files);
});

function tell(text, isBusy) {
  sending.textContent = text;
  bar.hidden = !isBusy;
}

function mark() {
  form.querySelectorAll("[aria-describedby]").forEach((field) => {
    const error = document.getElementById(field.getAttribute("aria-describedby"));
    field.toggleAttribute("aria-invalid", Boolean(error?.textContent.trim()));
  });
  messages.querySelectorAll("[data-film-position]").forEach((item) => {
    const position = item.dataset.filmPosition;
    const file = chosen[position - 1];
    if (file) item.querySelector("strong").textContent = `Film ${position} (${file.name})`;
  });
}

function complain(text) {
  tell("", false);
  const notice = document.createElement("p");
  notice.className = "notice error";
  notice.setAttribute("role", "alert");
  notice.textContent = text;
  messages.replaceChildren(notice);
}

form.addEventListener("htmx:beforeRequest", () => {
  ended.hidden = true;
  tell("Sending…", true);
});
form.addEventListener("htmx:xhr:progress", (event) => {
  const { loaded, total, lengthComputable } = event.detail;
  if (!lengthComputable) return;
  bar.value = (100 * loaded) / total;
  if (loaded === total) tell("Sent, the films are being checked…", true);
});
form.addEventListener("htmx:afterSettle", (event) => {
  if (event.target !== messages) return; // an error beside its field
  tell("", false);
  mark();
  messages.focus({ preventScroll: true });
  messages.scrollIntoView({ block: "nearest" });
});
form.addEventListener("htmx:sendError", () =>
  complain("No answer from the server. Send again: nothing is stored twice."),
);
form.addEventListener("htmx:responseError", ({ detail: { xhr } }) => {
  const isPage = xhr.getResponseHeader("Content-Type")?.startsWith("text/html");
  if (isPage && !isWholePage(xhr)) return; // told in its own words
  const page = new DOMParser().parseFromString(xhr.responseText, "text/html");
  const reason = page.querySelector("main h1")?.textContent ?? "The server could not take it.";
  complain(`${reason} Everything here is still in place.`);
});
document.addEventListener("pneumo:session-ended", (event) => {
  event.preventDefault();
  tell("", false);
  messages.replaceChildren();
  ended.hidden = false;
});
