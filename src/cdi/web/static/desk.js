// The desk works without this; it makes it quicker. Nothing here knows a page: elements say what they want.
//   data-key="m"        this key presses it (not while somebody is writing)
//   data-row            j and k go from one to the next, Enter opens its first link
//   data-opens="id"     opens the <dialog> of this id
//   data-closes         closes the dialog around it
//   data-ahead="/place" what is fetched now and shown over the element of the id in data-over as soon as this form is
//                       sent: to be looked at, not to be used, until the answer is there
(() => {
  const writing = (element) => element.closest("input, textarea, select, [contenteditable]") !== null;
  const visible = (element) =>
    (element.offsetParent !== null || element.closest("dialog[open]") !== null) && !element.closest("[inert]");
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

  const fetchAhead = async (form) => {
    const answer = await fetch(form.dataset.ahead, { headers: { "HX-Request": "true" } }).catch(() => null);
    if (answer && answer.status === 200) form.ahead = await answer.text();
    form.dataset.fetched = "";
  };
  const lookBack = () => {
    for (const ahead of document.querySelectorAll("[data-looking]")) {
      document.getElementById(ahead.dataset.looking).hidden = false;
      ahead.remove();
    }
  };
  document.addEventListener("htmx:load", (event) => {
    for (const form of event.target.querySelectorAll("form[data-ahead]:not([data-fetched])")) fetchAhead(form);
  });
  document.addEventListener("htmx:beforeRequest", (event) => {
    const form = event.target;
    if (!form.ahead) return;
    const over = document.getElementById(form.dataset.over), ahead = document.createElement("div");
    ahead.innerHTML = form.ahead;
    ahead.inert = true;
    ahead.dataset.looking = over.id;
    over.hidden = true;
    over.after(ahead);
    scrollTo(0, 0);
  });
  for (const end of ["htmx:beforeSwap", "htmx:afterRequest", "htmx:historyRestore"]) document.addEventListener(end, (event) => {
    if (event.target.matches?.("form[data-ahead], #review, body")) lookBack();
  });
  document.documentElement.classList.add("scripted");
})();
