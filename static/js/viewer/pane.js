// One film on one canvas: draws it when something changed, at most once a frame.

import { Trouble } from "./film.js";
import { matrixOf, onFilm, scaleOf } from "./geometry.js";
import { loadEvidence, paintHeat } from "./heat.js";
import { paintMagnified } from "./magnifier.js";
import { lengthText, paintMarks } from "./marks.js";
import { coloursOf } from "./windowing.js";

const ENOUGH = 1.05; // device pixels a pixel of the picture before it looks coarse

export class Pane {
  // settings: tool and heat, which all panes share; onChange(pane): after each drawing.
  constructor(element, settings, onChange) {
    Object.assign(this, { element, settings, onChange, film: null, cursor: null, draft: null, byKeyboard: false });
    this.canvas = element.querySelector("canvas");
    this.context = this.canvas.getContext("2d", { alpha: false });
    this.units = { ...this.canvas.dataset };
    this.waiting = new Map();
    new ResizeObserver(([entry]) => this.resize(entry)).observe(this.canvas);
    element.querySelectorAll("[data-retry]").forEach((button) => {
      button.addEventListener("click", () => this.retry());
    });
  }

  // Whole device pixels, where the browser tells them, so that 1:1 is sharp.
  resize({ devicePixelContentBoxSize: [box] = [], contentRect }) {
    const ratio = devicePixelRatio;
    const width = box?.inlineSize ?? Math.round(contentRect.width * ratio);
    const height = box?.blockSize ?? Math.round(contentRect.height * ratio);
    if (!width || !height) return;
    Object.assign(this.canvas, { width, height });
    this.draw();
  }

  get stage() {
    return this.canvas;
  }

  get ratio() {
    return this.canvas.width / this.canvas.clientWidth;
  }

  get look() {
    return this.film.look;
  }

  get matrix() {
    return matrixOf(this.film, this.stage, this.look.view);
  }

  get scale() {
    return scaleOf(this.film, this.stage, this.look.view);
  }

  get middle() {
    return { x: this.stage.width / 2, y: this.stage.height / 2 };
  }

  get isReady() {
    return Boolean(this.film?.raster);
  }

  show(film) {
    Object.assign(this, { film, draft: null });
    this.tell(null);
    if (!film) return;
    film.failed = null;
    this.canvas.setAttribute("aria-label", film.label);
    this.element.querySelector("[data-caption]").textContent = film.label;
    this.changed();
    this.load("picture", () => film.loadPicture());
  }

  // Resolves once the full depth is there, or cannot be had.
  async deepen() {
    if (this.isReady && !this.film.deep) await this.load("depth", () => this.film.loadDepth());
  }

  // What is being loaded is not asked for again; what failed, when the reader says so.
  load(what, loading) {
    const { film } = this;
    const job = `${what} ${film.uid}`;
    if (film.failed === what) return null;
    if (!this.waiting.has(job)) this.waiting.set(job, this.carryOut(film, what, loading).finally(() => this.waiting.delete(job)));
    return this.waiting.get(job);
  }

  async carryOut(film, what, loading) {
    this.element.toggleAttribute("data-loading", what === "picture");
    try {
      await loading();
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
      film.failed = what;
      if (film === this.film) this.tell(what === "heat" && error.kind === "refused" ? "heat" : error.kind);
    }
    if (what === "picture") this.element.removeAttribute("data-loading");
    this.changed();
  }

  retry() {
    const { film } = this;
    const what = film.failed;
    film.failed = null;
    this.tell(null);
    if (what === "picture") this.show(film);
    else this.deepen();
    this.changed();
  }

  tell(trouble) {
    this.element.querySelectorAll("[data-trouble]").forEach((notice) => {
      notice.hidden = notice.dataset.trouble !== trouble;
    });
  }

  at({ clientX, clientY }) {
    const box = this.canvas.getBoundingClientRect();
    return { x: (clientX - box.left) * this.ratio, y: (clientY - box.top) * this.ratio };
  }

  onFilm(point) {
    return onFilm(this.matrix, point);
  }

  changed() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => this.draw());
  }

  draw() {
    cancelAnimationFrame(this.frame);
    this.frame = null;
    const { context, stage } = this;
    context.resetTransform();
    context.fillStyle = "#000";
    context.fillRect(0, 0, stage.width, stage.height);
    this.element.dataset.depth = !this.isReady ? "none" : this.film.deep ? "full" : "first";
    if (this.isReady) this.drawFilm();
    this.onChange(this);
  }

  drawFilm() {
    const { film, look, matrix, stage, settings, context } = this;
    if (this.draft && this.byKeyboard) this.draft.to = this.onFilm(this.middle);
    this.paint(matrix, { x: 0, y: 0, width: stage.width, height: stage.height });
    if (settings.tool === "magnify" && this.cursor) paintMagnified(this);
    const marks = this.draft ? [...look.marks, this.draft] : look.marks;
    paintMarks(context, matrix, marks, (mark) => this.textOf(mark), this.ratio);
    if (this.byKeyboard && this.cursor) this.drawCrosshair();
    if (!film.deep && this.scale * film.width > ENOUGH * film.quick.width) this.deepen();
  }

  // The film and what is laid over it, within the area of the stage.
  paint(matrix, area) {
    const { film, context, settings } = this;
    film.raster.paint(context, film, matrix, area, this.colours());
    if (!this.showsHeat) return;
    if (film.evidence) paintHeat(context, film, matrix, settings.heat);
    else this.load("heat", () => loadEvidence(film));
  }

  get showsHeat() {
    return this.settings.heat.isOn && this.hasHeat;
  }

  // The page's live part says it, and may say so later.
  get hasHeat() {
    const result = this.film && document.querySelector(`[data-result="${this.film.uid}"]`);
    return result?.hasAttribute("data-has-heat") ?? false;
  }

  colours() {
    const { raster } = this.film;
    const { window, isInverted } = this.look;
    const known = this.known;
    if (known?.raster !== raster || known.window !== window || known.isInverted !== isInverted) {
      this.known = { raster, window, isInverted, colours: coloursOf(raster, window, isInverted) };
    }
    return this.known.colours;
  }

  // The spacing comes with the full depth.
  textOf(mark) {
    return !this.film.deep ? "…" : lengthText(mark, this.film.raster.spacing, this.units);
  }

  drawCrosshair() {
    const { context, ratio } = this;
    const { x, y } = this.cursor;
    context.resetTransform();
    context.strokeStyle = "#ffd166";
    context.lineWidth = ratio;
    context.stroke(new Path2D(`M${x - 14 * ratio} ${y}h${28 * ratio}M${x} ${y - 14 * ratio}v${28 * ratio}`));
  }
}
