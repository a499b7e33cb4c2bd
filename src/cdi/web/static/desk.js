// The desk works without this; it makes it quicker. Nothing here knows a page: elements say what they want.
//   data-key="m"        this key presses it (not while somebody is writing)
//   data-row            j and k go from one to the next, Enter opens its first link
//   data-opens="id"     opens the <dialog> of this id
//   data-closes         closes the dialog around it
(() => {
  const writing = (element) => element.closest("input, textarea, select, [contenteditable]") !== null;
  const visible = (element) => element.offsetParent !== null || element.closest("dialog[open]") !== null;
  const open = () => document.querySelector("dialog[open]");

  const walk = (step) => {
    const rows = [...document.querySelectorAll("[data-row]")].filter(visible);
    if (!rows.length) return;
    const at = rows.findIndex((row) => row.contains(document.activeElement));
    const next = rows[Math.min(rows.length - 1, Math.max(0, at + step))];
    (next.matches("a, button") ? next : next.querySelector("a, button") || next).focus();
  };

  // The search and what it found below it: arrows go from one to the next, Escape closes.
  const findings = (finder, key) => {
    const input = finder.querySelector("input"), links = [...finder.querySelectorAll(".suggestions a")];
    if (key === "Escape") {
      finder.querySelector(".suggestions").replaceChildren();
      input.value = "";
      input.blur();
      return;
    }
    const steps = [input, ...links], at = steps.indexOf(document.activeElement);
    steps[Math.min(steps.length - 1, Math.max(0, at + (key === "ArrowDown" ? 1 : -1)))].focus();
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const finder = event.target.closest(".search");
    if (finder && ["ArrowDown", "ArrowUp", "Escape"].includes(event.key)) {
      event.preventDefault();
      findings(finder, event.key);
      return;
    }
    if (writing(event.target)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const scope = open() || document;
    const wanted = [...scope.querySelectorAll("[data-key]")].find((e) => e.dataset.key === event.key && visible(e));
    if (wanted) {
      event.preventDefault();
      if (writing(wanted)) wanted.focus(); else wanted.click();
    } else if (event.key === "/" && !open()) {
      event.preventDefault();
      const search = document.getElementById("search");
      if (search) { search.focus(); search.select(); }
    } else if (event.key === "j" || event.key === "k") {
      event.preventDefault();
      walk(event.key === "j" ? 1 : -1);
    }
  });

  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-opens]");
    if (opener) {
      const dialog = document.getElementById(opener.dataset.opens);
      if (dialog && dialog.showModal) { event.preventDefault(); if (!dialog.open) dialog.showModal(); }
      return;
    }
    const closer = event.target.closest("[data-closes]");
    if (closer) { event.preventDefault(); closer.closest("dialog").close(); return; }
    if (!event.target.closest(".search")) for (const found of document.querySelectorAll(".suggestions")) found.replaceChildren();
    if (event.target.matches("dialog")) event.target.close();
    for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
  });
  document.addEventListener("keyup", (event) => {
    if (event.key === "Escape") for (const menu of document.querySelectorAll("details.menu[open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
  document.documentElement.classList.add("scripted");
})();
