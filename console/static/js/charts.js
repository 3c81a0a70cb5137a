// Draws a chart of a panel and draws it anew when its data, its size or the theme has changed.
//
// Vega builds its functions from expressions; with `ast: true` they are interpreted in place of compiled, so the page's policy
// need not allow a string to become a program.

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
 * Draw into a place.
 * @param place element of the chart
 * @param panel `spec` and `rows` as the console sends them, `summary` for who does not see the chart
 * @param onPick called with the row of a mark that was clicked
 */
export async function draw(place, panel, onPick) {
  const embed = await library;
  if (!place.isConnected) return;
  place.style.minHeight = bars(panel) > 0 ? `${bars(panel) * BAR_HEIGHT + AXIS_HEIGHT}px` : "";
  const width = Math.max(MIN_WIDTH, place.clientWidth);
  const height = Math.max(MIN_HEIGHT, place.clientHeight);
  const config = chartConfig();
  const key = JSON.stringify([panel.spec, panel.rows, width, height, config]);
  const before = drawn.get(place);
  if (before?.key === key) return;
  const now = { key, view: null };
  drawn.set(place, now);
  const canvas = document.createElement("div");
  canvas.className = "canvas";
  const spec = { ...(width < NARROW ? withLegendBelow(panel.spec) : panel.spec), width, height, autosize: { type: "fit", contains: "padding" }, data: { values: panel.rows } };
  const { view } = await embed(canvas, spec, {
    mode: "vega-lite", renderer: "svg", ast: true, actions: false, defaultStyle: false, config, tooltip: handler, hover: false,
  });
  now.view = view;
  if (drawn.get(place) !== now) {
    view.finalize(); // a newer one was begun meanwhile
    return;
  }
  if (onPick !== null) {
    view.addEventListener("click", (_event, item) => item?.datum && onPick(item.datum));
    canvas.classList.add("picks");
  }
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", panel.summary);
  place.replaceChildren(canvas);
  before?.view?.finalize();
}

/** The same chart for a narrow screen: the legend takes no width from it. */
function withLegendBelow(spec) {
  const below = (part) => {
    const legend = part.encoding?.color?.legend;
    if (!legend) return part;
    const color = { ...part.encoding.color, legend: { ...legend, orient: "bottom", columns: 3, symbolLimit: 12 } };
    return { ...part, encoding: { ...part.encoding, color } };
  };
  return spec.layer ? { ...spec, layer: spec.layer.map(below) } : below(spec);
}

/** How many bars stand below each other, which need room for their names. */
function bars(panel) {
  if (panel.spec.mark?.type !== "bar" || panel.spec.encoding.y?.field !== "by0") return 0;
  return new Set(panel.rows.map((row) => row.by0)).size;
}

/** Forget a chart whose place shows something else now. */
export function forget(place) {
  drawn.get(place)?.view?.finalize();
  drawn.delete(place);
}
