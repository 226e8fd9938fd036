// Before the first paint: follow the system where the reader has not chosen colours.
(function () {
  var root = document.documentElement;
  if (root.dataset.themeChoice !== "auto") return;
  var dark = window.matchMedia("(prefers-color-scheme: dark)");
  function follow() { root.setAttribute("data-bs-theme", dark.matches ? "dark" : "light"); }
  follow();
  dark.addEventListener("change", follow);
})();
