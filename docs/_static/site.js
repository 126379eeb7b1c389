// What scrolls sideways can be reached by the keyboard; what does not is no stop on the way.
function markScrolling() {
  for (const region of document.querySelectorAll("pre, .formula, .table-wrapper")) {
    if (region.scrollWidth > region.clientWidth) region.tabIndex = 0;
    else region.removeAttribute("tabindex");
  }
}
addEventListener("load", markScrolling);
addEventListener("resize", markScrolling);
document.addEventListener("toggle", markScrolling, true);
