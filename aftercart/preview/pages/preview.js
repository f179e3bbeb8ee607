// Looks every half second whether a file was saved, and shows the page anew if so.
const shown = document.documentElement.dataset.stamp;
for (const select of document.querySelectorAll("select")) {
  select.addEventListener("change", () => select.form.submit());
}
setInterval(async () => {
  try {
    const answer = await fetch("/stamp");
    if (answer.ok && (await answer.json()).stamp !== shown) location.replace(location.pathname.replace(/\/test$/, "") + location.search);
  } catch {
    // The server was stopped; the page stays as it is until it is back.
  }
}, 500);
