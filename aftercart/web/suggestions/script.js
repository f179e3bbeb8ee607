// Fills every element with `data-aftercart` with products that go with those it names (docs/recommendations-api.md).
//
//   <div data-aftercart="goes_with" data-product="BK-R64Y-38" data-title="Goes well with it"></div>
//   <script defer src="https://mail.example.com/api/recommendations.js" data-key="KEY"></script>
//
// Text becomes text and never markup, and a link leads to http(s) only, whatever the answer holds. Where there is
// nothing to show, or no answer, the element stays as it was: empty.
(() => {
  "use strict";
  const script = document.currentScript;
  const api = new URL("recommendations", script.src);

  // Whatever the shop's own style says of these classes wins: `:where` weighs nothing. A Content-Security-Policy that
  // forbids inline styles allows it.
  const style = new CSSStyleSheet();
  style.replaceSync(`
    :where(.aftercart-products) { display: flex; flex-wrap: wrap; gap: 1rem; margin: 0; padding: 0; list-style: none }
    :where(.aftercart-product) { flex: 1 1 10rem; max-inline-size: 16rem }
    :where(.aftercart-link) { display: block; min-block-size: 24px; color: inherit }
    :where(.aftercart-image) { display: block; inline-size: 100%; block-size: auto }
    :where(.aftercart-title, .aftercart-price) { display: block; overflow-wrap: anywhere }
  `);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, style];

  const make = (name, className, text) => {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text) made.textContent = text;
    return made;
  };

  const isWeb = (address) => {
    try {
      return ["https:", "http:"].includes(new URL(address, document.baseURI).protocol);
    } catch {
      return false;
    }
  };

  const question = (place) => {
    const asked = new URL(api);
    const { aftercart: kind, product = "", category, customer, k } = place.dataset;
    for (const sku of product.split(/\s+/).filter(Boolean)) asked.searchParams.append("product", sku);
    for (const [name, value] of Object.entries({ key: script.dataset.key, kind, category, customer, k })) {
      if (value) asked.searchParams.append(name, value);
    }
    return asked;
  };

  const card = (product) => {
    const item = make("li", "aftercart-product");
    const link = make("a", "aftercart-link");
    link.href = product.url;
    if (product.image_url && isWeb(product.image_url)) {
      const image = make("img", "aftercart-image");
      image.loading = "lazy";
      image.alt = ""; // its title stands beside it
      image.src = product.image_url;
      link.append(image);
    }
    link.append(make("span", "aftercart-title", product.title));
    if (product.price.text) link.append(" ", make("span", "aftercart-price", product.price.text));
    item.append(link);
    return item;
  };

  const show = (place, products, number) => {
    const list = make("ul", "aftercart-products");
    list.setAttribute("role", "list"); // Safari forgets that it is one where a style takes its bullets away
    list.append(...products.map(card));
    const section = make("section", "aftercart");
    if (place.dataset.title) {
      const heading = make(/^h[2-6]$/.test(place.dataset.heading) ? place.dataset.heading : "h2", "aftercart-heading");
      heading.textContent = place.dataset.title;
      heading.id = `aftercart-${number}`;
      section.setAttribute("aria-labelledby", heading.id);
      section.append(heading);
    }
    section.append(list);
    place.replaceChildren(section);
  };

  const fill = async (place, number) => {
    const response = await fetch(question(place), { credentials: "omit", referrerPolicy: "no-referrer" });
    if (!response.ok) throw new Error(`${response.status} ${(await response.json()).detail}`);
    const products = (await response.json()).products.filter((product) => isWeb(product.url));
    if (products.length) show(place, products, number);
  };

  document.querySelectorAll("[data-aftercart]").forEach((place, number) => {
    fill(place, number).catch((fault) => console.info("aftercart:", fault.message));
  });
})();
