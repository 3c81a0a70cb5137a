// Light and dark theme: the system's, until the user chooses one.

import { byId } from "./dom.js";

const system = matchMedia("(prefers-color-scheme: dark)");
const root = document.documentElement;

export const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);

/** Set up the switch; `onChange` is called after each change. */
export function start(onChange) {
  const button = byId("theme");
  const show = () => button.setAttribute("aria-label", `Change to the ${isDark() ? "light" : "dark"} theme`);
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    localStorage.setItem("theme", root.dataset.theme);
    show();
    onChange();
  });
  system.addEventListener("change", () => {
    show();
    onChange();
  });
  show();
}

/** Return the colours and fonts of the charts, taken from the page. */
export function chartConfig() {
  const style = getComputedStyle(root);
  const of = (name) => style.getPropertyValue(name).trim();
  const text = { labelColor: of("--text-2"), titleColor: of("--text-2"), labelFont: of("--font"), titleFont: of("--font") };
  const lines = { domainColor: of("--line-strong"), tickColor: of("--line-strong"), gridColor: of("--line") };
  return {
    background: "transparent",
    font: of("--font"),
    aria: false,
    view: { stroke: null },
    axis: { ...text, ...lines, labelFontSize: 11, titleFontSize: 11, titleFontWeight: 400, labelPadding: 5, tickSize: 4 },
    axisY: { domain: false, ticks: false },
    legend: { labelColor: of("--text"), labelFont: of("--font"), labelFontSize: 11, symbolType: "square", symbolSize: 90, rowPadding: 3 },
    bar: { stroke: of("--edge"), strokeWidth: 0.5 },
    rect: { stroke: of("--edge"), strokeWidth: 0.5 },
    arc: { stroke: of("--panel"), strokeWidth: 1 },
  };
}
