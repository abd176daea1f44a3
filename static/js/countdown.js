// Keeps the words of every countdown true; the server's count is the start, this clock only runs on.

const STEP_MS = 5_000;
const begun = new WeakMap();

function spoken(seconds) {
  const minutes = Math.floor(Math.abs(seconds) / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 10 ? `${hours} h ${String(minutes % 60).padStart(2, "0")} min` : `${hours} h`;
}

function draw(element) {
  if (!begun.has(element)) begun.set(element, performance.now());
  const passed = (performance.now() - begun.get(element)) / 1000;
  const left = Number(element.dataset.secondsLeft) - passed;
  const words = `${spoken(left)} ${left < 0 ? element.dataset.late : element.dataset.left}`;
  if (element.textContent !== words) element.textContent = words;
  element.classList.toggle("late", left < 0);
}

const all = () => document.querySelectorAll("[data-seconds-left]").forEach(draw);
all();
setInterval(all, STEP_MS);
document.addEventListener("htmx:afterSettle", all);
