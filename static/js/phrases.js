// Phrases by key: `.key` and a space while typing, or chosen from the palette. What is typed stays.

import { append, fieldsOf, type } from "./report_text.js";

const KEY = /(?:^|\s)\.([a-z0-9-]+)$/;

export function offerPhrases(form) {
  const palette = document.querySelector("[data-palette]");
  const search = palette.querySelector("[data-palette-search]");
  const options = [...palette.querySelectorAll("[data-phrase]")];
  const undo = form.querySelector("[data-undo-phrases]");
  const fields = new Map(fieldsOf(form).map((field) => [field.dataset.section, field]));
  let current = fields.get("impression");
  let place = [0, 0];

  const partsOf = (option) => [...option.querySelectorAll("[data-part]")].map((part) => [part.dataset.part, part.textContent]);
  const phrases = new Map(options.map((option) => [option.dataset.phrase, partsOf(option)]));
  const shown = () => options.filter((option) => !option.hidden);
  const chosen = () => options.find((option) => option.getAttribute("aria-selected") === "true");

  function expand(event) {
    const field = event.target;
    const isEnd = event.key === " " || event.key === "Tab";
    if (!isEnd || event.shiftKey || event.ctrlKey || event.metaKey || event.altKey || !field.dataset.section) return;
    if (field.selectionStart !== field.selectionEnd) return;
    const end = field.selectionStart;
    const key = field.value.slice(0, end).match(KEY)?.[1];
    const found = phrases.get(key)?.find(([section]) => !section || section === field.dataset.section);
    if (!found) return;
    event.preventDefault();
    type(field, found[1] + (event.key === " " ? " " : ""), end - key.length - 1, end);
  }

  function insert(parts) {
    const before = new Map([...fields.values()].map((field) => [field, field.value]));
    for (const [section, text] of parts) {
      if (section) append(fields.get(section), text);
      else type(current, text, ...place);
    }
    const changed = [...before].filter(([field, text]) => field.value !== text);
    if (changed.length > 1) offerUndo(changed);
  }

  function offerUndo(changed) {
    undo.hidden = false;
    undo.querySelector("button").onclick = () => {
      changed.forEach(([field, text]) => type(field, text));
      undo.hidden = true;
    };
  }

  function choose(option) {
    chosen()?.setAttribute("aria-selected", "false");
    option?.setAttribute("aria-selected", "true");
    option?.scrollIntoView({ block: "nearest" });
    search.setAttribute("aria-activedescendant", option?.id ?? "");
  }

  function filter() {
    const wanted = search.value.trim().toLowerCase().replace(/^\./, "");
    for (const option of options) option.hidden = !option.textContent.toLowerCase().includes(wanted);
    palette.querySelector("[data-palette-none]").hidden = shown().length > 0;
    const exact = shown().find((option) => option.dataset.phrase.startsWith(wanted));
    choose(exact ?? shown()[0]);
  }

  function open() {
    place = [current.selectionStart, current.selectionEnd];
    search.value = "";
    filter();
    palette.showModal();
    search.focus();
  }

  function take(option) {
    palette.close();
    if (option) insert(phrases.get(option.dataset.phrase));
  }

  function steer(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      const all = shown();
      choose(all[(all.indexOf(chosen()) + step + all.length) % all.length]);
    } else if (event.key === "Enter") {
      event.preventDefault();
      take(chosen());
    }
  }

  form.addEventListener("keydown", expand);
  form.addEventListener("focusin", ({ target }) => (current = target.dataset.section ? target : current));
  form.addEventListener("keydown", () => (undo.hidden = true));
  form.querySelector("[data-palette-open]").addEventListener("click", open);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "k" || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return;
    event.preventDefault();
    if (!document.querySelector("dialog[open]") && form.checkVisibility()) open();
  });
  search.addEventListener("input", filter);
  search.addEventListener("keydown", steer);
  palette.addEventListener("click", ({ target }) => {
    const option = target.closest("[data-phrase]");
    if (option) take(option);
    else if (target.closest("[data-palette-close]")) palette.close();
  });
}
