// Draws the chart of a panel, and draws it again when its data, its size or the theme changes.
//
// Vega creates functions from expressions. With `ast: true` it interprets them instead of compiling them, so the page's
// policy need not allow code from strings.

import { chartConfig } from "./theme.js";
import { handler } from "./tooltip.js";

const MIN_WIDTH = 120;
const MIN_HEIGHT = 60;
const NARROW = 430;
const BAR_HEIGHT = 16;
const AXIS_HEIGHT = 26;
const drawn = new WeakMap();
const library = import(document.body.dataset.charts).then(() => window.vegaEmbed);

/**
 * Draw a chart.
 * @param element element to draw into
 * @param panel `spec` and `rows` as the console sends them, `summary` describes the chart for a screen reader
 * @param onPick called with the row of a clicked mark
 */
export async function draw(element, panel, onPick) {
  const embed = await library;
  if (!element.isConnected) return;
  element.style.minHeight = bars(panel) > 0 ? `${bars(panel) * BAR_HEIGHT + AXIS_HEIGHT}px` : "";
  const width = Math.max(MIN_WIDTH, element.clientWidth);
  const height = Math.max(MIN_HEIGHT, element.clientHeight);
  const config = chartConfig();
  const key = JSON.stringify([panel.spec, panel.rows, width, height, config]);
  const before = drawn.get(element);
  if (before?.key === key) return;
  const now = { key, view: null };
  drawn.set(element, now);
  const canvas = document.createElement("div");
  canvas.className = "canvas";
  const spec = { ...(width < NARROW ? withLegendBelow(panel.spec) : panel.spec), width, height, autosize: { type: "fit", contains: "padding" }, data: { values: panel.rows } };
  const { view } = await embed(canvas, spec, {
    mode: "vega-lite", renderer: "svg", ast: true, actions: false, defaultStyle: false, config, tooltip: handler, hover: false,
  });
  now.view = view;
  if (drawn.get(element) !== now) {
    view.finalize(); // a newer drawing has started
    return;
  }
  if (onPick !== null) {
    view.addEventListener("click", (_event, item) => item?.datum && onPick(item.datum));
    canvas.classList.add("picks");
  }
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", panel.summary);
  element.replaceChildren(canvas);
  before?.view?.finalize();
}

/** Return the chart for a narrow screen, with the legend below it. */
function withLegendBelow(spec) {
  const below = (part) => {
    const legend = part.encoding?.color?.legend;
    if (!legend) return part;
    const color = { ...part.encoding.color, legend: { ...legend, orient: "bottom", columns: 3, symbolLimit: 12 } };
    return { ...part, encoding: { ...part.encoding, color } };
  };
  return spec.layer ? { ...spec, layer: spec.layer.map(below) } : below(spec);
}

/** Count the horizontal bars, which need space for their names. */
function bars(panel) {
  if (panel.spec.mark?.type !== "bar" || panel.spec.encoding.y?.field !== "by0") return 0;
  return new Set(panel.rows.map((row) => row.by0)).size;
}

/** Release a chart whose element now shows something else. */
export function forget(element) {
  drawn.get(element)?.view?.finalize();
  drawn.delete(element);
}
