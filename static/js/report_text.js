// The text of a report form: read, compared, and written so that the browser can undo it.

const trimmed = (text) => text.replaceAll("\r\n", "\n").trim();

export const fieldsOf = (form) => [...form.querySelectorAll("[data-section]")];
const opinionOf = (form) => form.querySelector("[name=opinion]:checked")?.value ?? "";

// Section -> text, with the opinion among them.
export function textOf(form) {
  const sections = fieldsOf(form).map((field) => [field.dataset.section, field.value]);
  return { opinion: opinionOf(form), ...Object.fromEntries(sections) };
}

// As the API takes it: regions are those sections whose names are in capitals.
const isRegion = (name) => name === name.toUpperCase();

export function toApi(text) {
  const parts = Object.entries(text);
  const regions = parts.filter(([name, value]) => isRegion(name) && trimmed(value));
  return { ...Object.fromEntries(parts.filter(([name]) => !isRegion(name))), regions: Object.fromEntries(regions) };
}

export function fromApi(answer, names) {
  return Object.fromEntries(names.map((name) => [name, (isRegion(name) ? answer.regions[name] : answer[name]) ?? ""]));
}

export const isSame = (one, other) => canonical(one) === canonical(other);

export function canonical(text) {
  const filled = Object.entries(text).map(([name, value]) => [name, trimmed(value)]);
  return JSON.stringify(filled.filter(([, value]) => value).sort());
}

// Replace a part of a field as if it were typed: Ctrl+Z takes it back.
export function type(field, text, from = 0, to = field.value.length) {
  field.focus();
  field.setSelectionRange(from, to);
  const done = text ? document.execCommand("insertText", false, text) : from === to || document.execCommand("delete");
  if (done) return;
  field.setRangeText(text, from, to, "end");
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

// Behind what is there, on a line of its own; what is there already is not written twice.
export function append(field, text) {
  if (field.value.includes(text)) return;
  const end = field.value.length;
  type(field, trimmed(field.value) ? `\n${text}` : text, trimmed(field.value) ? end : 0, end);
}

export function choose(form, opinion) {
  const option = form.querySelector(`[name=opinion][value="${opinion}"]`);
  if (!option) form.querySelectorAll("[name=opinion]").forEach((each) => (each.checked = false));
  else option.checked = true;
  form.dispatchEvent(new Event("input", { bubbles: true }));
}

// On a page that has just been opened there is nothing to undo.
export function fill(form, text) {
  for (const field of fieldsOf(form)) field.value = text[field.dataset.section] ?? "";
  form.querySelectorAll("[name=opinion]").forEach((option) => (option.checked = option.value === text.opinion));
}
