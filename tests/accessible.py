"""What keeps people from a page who hear it, zoom it or have no mouse: the plain rules of WCAG 2.2, in the browser.

No replacement for axe: it looks at what breaks first when somebody changes a template. Each complaint names the
rule and the element.
"""

from __future__ import annotations

from tests.browser import Browser

_RULES = r"""
const bad = [], say = (rule, element) => bad.push(`${rule}: ${element.outerHTML.slice(0, 120)}`);
const seen = element => element.getClientRects().length && getComputedStyle(element).visibility !== "hidden";
const all = selector => [...document.querySelectorAll(selector)].filter(seen);
const named = element => (element.getAttribute("aria-label") || element.innerText || element.title || "").trim();

if (!document.documentElement.lang) bad.push("3.1.1 the page has no language");
if (!document.title.trim()) bad.push("2.4.2 the page has no title");
if (all("main").length !== 1) bad.push("1.3.1 one main part");
if (all("h1").length !== 1) bad.push(`1.3.1 one first heading, not ${all("h1").length}`);
let level = 0;
for (const heading of all("h1, h2, h3, h4, h5, h6")) {
  const own = Number(heading.tagName[1]);
  if (own > level + 1) say("1.3.1 a level of headings is left out", heading);
  level = own;
}
for (const element of all("a[href], button")) if (!named(element)) say("4.1.2 no name", element);
for (const field of all("input:not([type=hidden]), select, textarea"))
  if (!field.labels?.length && !field.getAttribute("aria-label")) say("3.3.2 no label", field);
for (const picture of all("img")) if (!picture.hasAttribute("alt")) say("1.1.1 no alternative", picture);
for (const picture of all("svg")) if (!picture.getAttribute("aria-label")) say("1.1.1 no alternative", picture);
for (const cell of all("thead th")) if (!named(cell)) say("1.3.1 a column without a name", cell);
const ids = [...document.querySelectorAll("[id]")].map(element => element.id);
for (const id of ids.filter((one, place) => ids.indexOf(one) !== place)) bad.push(`4.1.1 twice: ${id}`);
for (const element of all("[tabindex]")) if (element.tabIndex > 0) say("2.4.3 an order of its own", element);

const parts = colour => (colour.match(/[\d.]+/g) || []).map(Number);
const light = colour => {
  const [r, g, b] = parts(colour).map(one => one / 255).map(one => one <= .03928 ? one / 12.92 : ((one + .055) / 1.055) ** 2.4);
  return .2126 * r + .7152 * g + .0722 * b;
};
const ground = element => {
  for (let one = element; one; one = one.parentElement) {
    const colour = getComputedStyle(one).backgroundColor;
    if (parts(colour)[3] !== 0) return colour;
  }
  return "rgb(255, 255, 255)";
};
for (const element of all("body *")) {
  if (![...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim())) continue;
  const style = getComputedStyle(element), text = element instanceof SVGElement ? style.fill : style.color;
  const [dark, bright] = [light(text), light(ground(element))].sort((one, other) => one - other);
  const least = parseFloat(style.fontSize) >= 24 ? 3 : 4.5;
  if ((bright + .05) / (dark + .05) < least) say(`1.4.3 contrast ${((bright + .05) / (dark + .05)).toFixed(2)}`, element);
}
if (innerWidth < 600) for (const element of all("button, nav a, input:not([type=hidden]), select")) {
  const box = element.getBoundingClientRect();
  if (box.height < 24 || box.width < 24) say(`2.5.8 a target of ${box.width}x${box.height}`, element);
}
return bad;
"""


def complaints(browser: Browser) -> list[str]:
    """What is wrong with the page that is open."""
    found: list[str] = browser.run(_RULES)
    return found
