/* ---- what every page does ---- */
const main = document.getElementById("main");
const escaped = text => String(text).replace(/[&<>"']/g, it => "&#" + it.charCodeAt(0) + ";");

function theme() {
  const dark = matchMedia("(prefers-color-scheme: dark)"), root = document.documentElement;
  const follow = () => { root.dataset.theme = dark.matches ? "dark" : "light"; };
  follow();
  dark.addEventListener("change", follow);
  document.getElementById("theme").addEventListener("click", () => { root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark"; });
}
/* Draws the page for the width that there is, and again for another; or says on it why it cannot be drawn. */
function begin(draw) {
  let width, waiting;
  const fill = () => {
    width = innerWidth;
    main.replaceChildren();
    try { draw(); } catch (failed) {
      console.error(failed);
      main.insertAdjacentHTML("afterbegin", `<section id="failed">This page could not be drawn: ${escaped(failed)}</section>`);
    }
  };
  theme();
  fill();
  addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => { if (innerWidth !== width) fill(); }, 150);
  });
}
