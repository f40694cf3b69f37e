// Shows a part of the page as it changes: the server sends the part anew whenever something happened. Without an event stream
// the page goes on as it is: it asks every few seconds (htmx), or is loaded again.
(() => {
  const begun = document.querySelector("[data-live]");
  if (!begun || !window.EventSource) return;
  const source = new EventSource(begun.dataset.live);
  source.addEventListener("part", (event) => {
    const old = document.getElementById(begun.id);
    const made = document.createElement("template");
    made.innerHTML = event.data;
    if (old && made.content.firstElementChild) old.replaceWith(made.content.firstElementChild);
  });
  source.addEventListener("end", () => source.close());
  source.addEventListener("error", () => {
    const left = document.getElementById(begun.id);
    if (source.readyState === EventSource.CLOSED && left && window.htmx) window.htmx.process(left);
  });
})();
