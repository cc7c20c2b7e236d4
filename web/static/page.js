// The page works without this. With it what changes is shown as it changes, and what cannot be undone is asked for.
"use strict";

// Longer than Redis is waited for; the time between looks comes on top.
const SILENCE_MS = 15000;

document.addEventListener("submit", (event) => {
  // `submitter` is the button: its name and value are part of the form.
  const question = event.target.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});

const place = document.querySelector("[data-live]");
const pulse = document.getElementById("pulse");
const trouble = document.getElementById("trouble");

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
    // A button that is being pressed stays where it is.
    if (old.outerHTML === parts[at].outerHTML || old.matches(":has(:active)")) return;
    const focused = old.querySelector(":focus-visible");
    old.replaceWith(parts[at]);
    if (focused) [...parts[at].querySelectorAll("a, button")].find((made) => isSame(made, focused))?.focus();
  });
}

function isSame(one, other) {
  return ["aria-label", "href"].every((name) => one.getAttribute(name) === other.getAttribute(name));
}

let source = null;
let heardAt = 0;

// A browser has six connections to a host for all its tabs: those that nobody sees give theirs back.
function watch() {
  if (document.hidden) {
    source?.close();
    source = null;
  } else if (!source) {
    heardAt = Date.now();
    source = new EventSource(place.dataset.live);
    source.addEventListener("part", (event) => {
      heardAt = Date.now();
      trouble.hidden = true;
      say("live", true);
      show(event.data);
    });
    source.addEventListener("trouble", (event) => {
      heardAt = Date.now();
      // Whoever hears the page is told once.
      if (trouble.textContent !== event.data) trouble.textContent = event.data;
      trouble.hidden = false;
      say("not live", false);
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

// A connection that died without a word (a laptop that slept, a proxy) is seen by its silence, and made anew.
function listen() {
  if (!source || Date.now() - heardAt < SILENCE_MS + 5000 * place.dataset.every) return;
  say("not live", false);
  source.close();
  source = null;
  watch();
}

if (place && window.EventSource) {
  document.addEventListener("visibilitychange", watch);
  window.setInterval(listen, 1000);
  watch();
}
