// One film: its picture first, its full depth when asked for, and how it is looked at.

import { START } from "./geometry.js";
import { Raster } from "./raster.js";
import { unpack } from "./unpack.js";

// kind: "silent" (no answer, worth another try), "ended" (the session), or "refused".
export class Trouble extends Error {
  constructor(kind) {
    super(kind);
    this.kind = kind;
  }
}

// Each asking is a look on the audit trail, so nothing is asked for before it is needed.
export async function ask(address) {
  let answer;
  try {
    answer = await fetch(address, { redirect: "manual" });
  } catch {
    throw new Trouble("silent");
  }
  if (answer.type === "opaqueredirect") throw new Trouble("ended");
  if (answer.status >= 500) throw new Trouble("silent");
  if (!answer.ok) throw new Trouble("refused");
  return answer;
}

const freshLook = () => ({ view: START, window: null, isInverted: false, marks: [] });

export class Film {
  // element: carries the addresses and facts as data attributes, and may hold the <img> itself.
  constructor(element) {
    const { uid, label, picture, pixels, heat, width, height } = element.dataset;
    Object.assign(this, { uid, label, width: Number(width), height: Number(height) });
    this.addresses = { picture, pixels, heat };
    this.image = element.querySelector("[data-film]") ?? new Image();
    this.look = freshLook();
    this.quick = null;
    this.deep = null;
    this.evidence = null;
  }

  get raster() {
    return this.deep ?? this.quick;
  }

  // A look of its own again; measurements stay.
  resetLook() {
    this.look = { ...freshLook(), marks: this.look.marks };
  }

  async loadPicture() {
    if (this.quick) return;
    if (!this.image.getAttribute("src")) this.image.src = this.addresses.picture;
    try {
      await this.image.decode();
    } catch {
      this.image.removeAttribute("src");
      await ask(this.addresses.picture); // tells why
      throw new Trouble("silent");
    }
    this.quick = Raster.of8Bits(this.image);
  }

  async loadDepth() {
    if (this.deep) return;
    const answer = await ask(this.addresses.pixels);
    let packed;
    try {
      packed = await answer.arrayBuffer();
    } catch {
      throw new Trouble("silent");
    }
    this.deep = new Raster(unpack(packed));
  }
}
