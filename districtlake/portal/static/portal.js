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
// A file that is too large is told before it is sent.
document.addEventListener("change", function (event) {
  var input = event.target;
  if (!input.dataset || !input.dataset.most) return;
  var file = input.files && input.files[0];
  input.setCustomValidity(file && file.size > Number(input.dataset.most) ? input.dataset.tooLarge : "");
  input.reportValidity();
});
