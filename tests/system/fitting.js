// What on this page sticks out, is cut off, or lies over something else: at most twelve sentences.
() => {
  const faults = new Set();
  const width = document.documentElement.clientWidth;
  const said = (e) => (e.innerText || e.value || "").trim().slice(0, 40);
  const name = (e) => `${e.tagName.toLowerCase()}.${[...e.classList].join(".")} "${said(e)}"`;
  const around = (e) => { const all = []; for (let p = e; p && p !== document.body; p = p.parentElement) all.push(p); return all; };
  const hidden = (e) => e.closest(".skip, svg") !== null || around(e).some((p) => getComputedStyle(p).clipPath !== "none");
  const shown = (e) => e.checkVisibility({visibilityProperty: true, opacityProperty: true}) && !hidden(e);
  const scrolls = (e) => around(e).slice(1).some((p) => ["auto", "scroll"].includes(getComputedStyle(p).overflowX));
  const wider = (e) => e.clientWidth && e.scrollWidth > e.clientWidth + 1;

  if (document.documentElement.scrollWidth > width) {
    faults.add(`the page is ${document.documentElement.scrollWidth} wide`);
  }
  for (const e of document.querySelectorAll("body *")) {
    if (!shown(e)) continue;
    const box = e.getBoundingClientRect();
    if (!box.width || !box.height) continue;
    if ((box.right > width + 1 || box.left < -1) && !scrolls(e)) faults.add(`sticks out: ${name(e)}`);
    const style = getComputedStyle(e);
    const cut = ["hidden", "clip"].includes(style.overflowX) && style.textOverflow !== "ellipsis";
    const spills = style.overflowX === "visible" && style.display !== "inline" && e.children.length === 0;
    if (wider(e) && (cut || spills)) faults.add(`is cut off: ${name(e)}`);
  }

  const kinds = "a, button, input:not([type=hidden]), select, textarea, summary, h1, h2, h3, .badge";
  const things = [...document.querySelectorAll(kinds)].filter((e) => shown(e) && e.getBoundingClientRect().width);
  const layer = (e) => e.closest(".sheet, dialog, .top");  // what lies above the page is meant to
  things.forEach((a, i) => things.slice(i + 1).forEach((b) => {
    if (a.contains(b) || b.contains(a) || layer(a) !== layer(b)) return;
    for (const x of a.getClientRects()) for (const y of b.getClientRects()) {
      const wide = Math.min(x.right, y.right) - Math.max(x.left, y.left);
      const high = Math.min(x.bottom, y.bottom) - Math.max(x.top, y.top);
      if (wide > 2 && high > 2) faults.add(`overlap: ${name(a)} and ${name(b)}`);
    }
  }));
  return [...faults].slice(0, 12);
}
