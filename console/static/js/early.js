// Before anything is drawn: the theme that was chosen, and the only way in which text may become HTML here, which is
// none but the empty text (the chart library clears its place with it).
(function () {
  const chosen = localStorage.getItem("theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  if (window.trustedTypes) {
    trustedTypes.createPolicy("default", { createHTML: (text) => (text === "" ? "" : null) });
  }
})();
