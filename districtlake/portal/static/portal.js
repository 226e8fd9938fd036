// Every htmx request carries the session's token; results of a search are announced to screen readers.
document.addEventListener("htmx:configRequest", function (event) {
  var token = document.body.dataset.csrf;
  if (token) event.detail.headers["X-CSRF-Token"] = token;
});
document.addEventListener("htmx:afterSettle", function () {
  var said = document.querySelector("[data-announce]");
  if (said) document.getElementById("announce").textContent = said.dataset.announce;
});
document.addEventListener("submit", function (event) {
  var question = event.target.dataset && event.target.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});
