// The first opinion: the case is held while it is formed, whether or not a report can be written yet.

import { hold } from "./holding.js";

const form = document.querySelector("[data-opinion]");
const isReportOpen = document.querySelector("[data-report]") !== null; // then that form holds the case

function tell(what) {
  form.querySelectorAll("[data-trouble]").forEach((notice) => {
    notice.hidden = notice.dataset.trouble !== what;
  });
}

if (form) {
  const sure = form.querySelector("[name=confidence]");
  const told = form.querySelector("[data-confidence]");
  sure.addEventListener("input", () => (told.value = sure.value));
  if (!isReportOpen) hold(form, tell);
}
