// What is wrong with this page as it is shown on a screen of this width? A function; its value is a list of sentences,
// empty for a good page. A phone zooms out from a page that is too wide, so `innerWidth` must be the screen's, too.
(width) => {
  const faults = [];
  const wide = Math.max(document.documentElement.scrollWidth, innerWidth);
  if (wide > width) faults.push(`the page is ${wide} pixels wide on a screen of ${width}`);
  if (!document.body.innerText.trim()) faults.push("the page shows no words");

  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], below) => [r, g, b].map((part, n) => part * a + below[n] * (1 - a));
  const probe = document.body.appendChild(document.createElement("i"));
  probe.style.background = "Canvas";
  const paper = rgba(getComputedStyle(probe).backgroundColor).slice(0, 3);
  probe.remove();
  const behind = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      const color = rgba(getComputedStyle(at).backgroundColor);
      if (color[3]) layers.push(color);
      if (color[3] === 1) break;
    }
    return layers.reverse().reduce((below, layer) => over(layer, below), paper);
  };
  const light = (color) => {
    const [r, g, b] = color.map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };

  const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (words.nextNode()) {
    const text = words.currentNode.textContent.trim(), element = words.currentNode.parentElement;
    if (!text || ["SCRIPT", "STYLE", "NOSCRIPT"].includes(element.tagName) || !element.checkVisibility({ visibilityProperty: true })) continue;
    if (element.closest("[aria-hidden=true]")) continue;
    const style = getComputedStyle(element), below = behind(element);
    const [one, other] = [light(over(rgba(style.color), below)), light(below)];
    const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    if (contrast < (large ? 3 : 4.5)) faults.push(`“${text.slice(0, 40)}” has a contrast of ${contrast.toFixed(2)}`);
    if (size < 11) faults.push(`“${text.slice(0, 40)}” is ${size} pixels high`);
  }
  return faults;
}
