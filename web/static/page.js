// The page works without this. With it what changes is shown as it changes, and what cannot be undone is asked for.
"use strict";

document.addEventListener("submit", (event) => {
  // `submitter` is the button: its name and value are part of the form.
  const question = event.target.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});

const place = document.querySelector("[data-live]");
const pulse = document.getElementById("pulse");

function say(word, isWell) {
  pulse.hidden = false;
  pulse.classList.toggle("lost", !isWell);
  pulse.lastElementChild.textContent = word;
}

function show(html) {
  const made = document.createElement("template");
  made.innerHTML = html;
  const parts = [...made.content.querySelectorAll("[data-part]")];
  const names = parts.map((part) => part.dataset.part).join();
  const known = [...place.querySelectorAll("[data-part]")];
  if (names !== known.map((part) => part.dataset.part).join()) {
    place.replaceChildren(...parts);
    return;
  }
  known.forEach((old, at) => {
    // A button that somebody is about to press stays where it is.
    if (old.outerHTML === parts[at].outerHTML || old.matches(":has(:active, :focus-visible)")) return;
    old.replaceWith(parts[at]);
  });
}

let source = null;

// A browser has six connections to a host for all its tabs: those that nobody sees give theirs back.
function watch() {
  if (document.hidden) {
    source?.close();
    source = null;
  } else if (!source) {
    source = new EventSource(place.dataset.live);
    source.addEventListener("part", (event) => {
      say("live", true);
      show(event.data);
    });
    source.addEventListener("over", () => {
      source.close();
      window.location.reload();
    });
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) {
        // It was refused: others have all the streams that there are.
        source = null;
        window.setTimeout(watch, 30000);
      }
      say(source ? "reconnecting" : "not live", false);
    };
  }
}

if (place && window.EventSource) {
  document.addEventListener("visibilitychange", watch);
  watch();
}
