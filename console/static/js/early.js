// Runs before the page is drawn: sets the chosen theme and the trusted-types policy. The policy allows only empty HTML,
// with which the chart library clears its element.
(function () {
  const chosen = localStorage.getItem("theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  if (window.trustedTypes) {
    trustedTypes.createPolicy("default", { createHTML: (text) => (text === "" ? "" : null) });
  }
})();
