// Chooses light or dark before anything is painted, so that a dark rig room never sees a white flash.
"use strict";
(function () {
  const root = document.documentElement;
  const prefersDark = window.matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => localStorage.getItem("theme");
  function apply() {
    root.dataset.theme = chosen() || (prefersDark.matches ? "dark" : "light");
    window.dispatchEvent(new Event("themechange"));
  }
  window.toggleTheme = function () {
    localStorage.setItem("theme", root.dataset.theme === "dark" ? "light" : "dark");
    apply();
  };
  prefersDark.addEventListener("change", apply);
  apply();
})();
