// What is typed and not yet confirmed by the server, in this browser alone. A draft is about a
// patient and the machine may be shared: it goes when confirmed, at log-out, and after a day's work.

const PREFIX = "pneumo:draft:";
const KEPT_MS = 12 * 3600 * 1000;

// A browser may refuse to store; then the server alone keeps the text.
function quietly(action) {
  try {
    return action();
  } catch {
    return undefined;
  }
}

const keysOf = (storage, start) => Object.keys(storage).filter((key) => key.startsWith(start));

export function forgetOld() {
  quietly(() => {
    for (const key of keysOf(localStorage, PREFIX)) {
      const kept = quietly(() => JSON.parse(localStorage[key]));
      if (!kept || Date.now() - kept.at > KEPT_MS) localStorage.removeItem(key);
    }
  });
}

let isForgotten = false; // what leaving the page still wants to keep comes too late

export function forgetUser(user) {
  isForgotten = true;
  for (const storage of ["localStorage", "sessionStorage"]) {
    quietly(() => keysOf(window[storage], `${PREFIX}${user}:`).forEach((key) => window[storage].removeItem(key)));
  }
}

function tabName() {
  sessionStorage["pneumo:tab"] ??= crypto.getRandomValues(new Uint32Array(2)).join("-");
  return sessionStorage["pneumo:tab"];
}

// Each tab keeps its own text; one that has none takes the newest that a closed tab left behind.
export function mirrorOf(user, study) {
  const start = `${PREFIX}${user}:${study}:`;
  const own = quietly(() => start + tabName());
  const left = (key) => quietly(() => JSON.parse(localStorage[key]));
  return {
    keep: (content) => isForgotten || quietly(() => localStorage.setItem(own, JSON.stringify({ ...content, at: Date.now() }))),
    drop: () => quietly(() => localStorage.removeItem(own)),
    read() {
      if (left(own)) return left(own);
      const keys = quietly(() => keysOf(localStorage, start)) ?? [];
      const [newest] = keys.sort((one, other) => (left(other)?.at ?? 0) - (left(one)?.at ?? 0));
      if (!newest) return undefined;
      const found = left(newest);
      this.keep(found);
      quietly(() => localStorage.removeItem(newest));
      return found;
    },
  };
}

// An addendum has no draft on the server: its text lasts as long as its tab.
export function tabMirrorOf(user, study) {
  const key = `${PREFIX}${user}:${study}:addendum`;
  return {
    keep: (content) => quietly(() => sessionStorage.setItem(key, JSON.stringify(content))),
    drop: () => quietly(() => sessionStorage.removeItem(key)),
    read: () => quietly(() => JSON.parse(sessionStorage[key])),
  };
}
