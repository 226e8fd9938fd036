"use strict";
// Search over what search-data.js holds, and the choice of light or dark. No request leaves the page: it works from a folder.
(function () {
  var root = document.body.dataset.root, input = document.getElementById("search"), list = document.getElementById("found");
  var status = document.getElementById("found-count"), most = 20;
  function show() {
    var words = input.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    list.replaceChildren();
    var hits = words.length ? window.DICTIONARY.filter(function (one) { return words.every(function (w) { return one.text.includes(w); }); }) : [];
    hits.sort(function (a, b) { return rank(b, words) - rank(a, words); });
    hits.slice(0, most).forEach(function (one) {
      var item = document.createElement("li"), link = document.createElement("a"), where = document.createElement("small");
      link.href = root + one.url; link.textContent = one.title; where.textContent = one.where; link.append(where); item.append(link); list.append(item);
    });
    list.hidden = hits.length === 0;
    status.textContent = words.length ? (hits.length ? "找到 " + hits.length + " 项" : "没有找到") : "";
    input.setAttribute("aria-invalid", words.length > 0 && hits.length === 0 ? "true" : "false");
  }
  function rank(one, words) { return words.reduce(function (sum, w) { return sum + (one.title.toLowerCase().includes(w) ? 2 : 0); }, one.table ? 1 : 0); }
  input.addEventListener("input", show);
  document.addEventListener("keydown", function (event) {
    if (event.key === "/" && document.activeElement !== input) { event.preventDefault(); input.focus(); }
    if (event.key === "Escape") { input.value = ""; show(); }
    if (event.key === "ArrowDown" && document.activeElement === input && !list.hidden) { event.preventDefault(); list.querySelector("a").focus(); }
  });
  var theme = document.documentElement, stored = null;
  try { stored = localStorage.getItem("theme"); } catch (error) { /* a folder opened as a file may keep nothing */ }
  if (stored === "light" || stored === "dark") { theme.dataset.theme = stored; }
  document.getElementById("theme").addEventListener("click", function () {
    var dark = theme.dataset.theme === "dark" || (theme.dataset.theme === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
    theme.dataset.theme = dark ? "light" : "dark";
    try { localStorage.setItem("theme", theme.dataset.theme); } catch (error) { /* then only for this page */ }
  });
})();
