// `n`: the next case, wherever a page offers it.

import { isTyping } from "./app.js";

document.addEventListener("keydown", (event) => {
  if (event.key !== "n" || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  if (!isTyping(event.target)) document.querySelector("[data-next-case]")?.requestSubmit();
});
