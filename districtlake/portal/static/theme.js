// Before the first paint: follow the system where the reader has not chosen colours. Paper is always light.
(function () {
  var root = document.documentElement;
  var dark = window.matchMedia("(prefers-color-scheme: dark)");
  var paper = window.matchMedia("print");
  var choice = root.dataset.themeChoice;
  function follow() {
    var wanted = choice !== "auto" ? choice : dark.matches ? "dark" : "light";
    root.setAttribute("data-bs-theme", paper.matches ? "light" : wanted);
  }
  follow();
  dark.addEventListener("change", follow);
  paper.addEventListener("change", follow);
})();
