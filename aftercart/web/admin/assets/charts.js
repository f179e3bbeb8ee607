/* Draws what a page tells in `data-chart`, in the colors of the page, and again when these or its width change. What a
   chart shows stands in a table beside it, too: without this script nothing is missing. */
(() => {
  const SIZE = 13;
  const drawn = [];

  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  /* How many lines the legend takes in a chart of this width: it is broken where it does not fit. */
  function legendLines(told, width, font) {
    const ruler = document.createElement("canvas").getContext("2d");
    ruler.font = `${SIZE}px ${font}`;
    let lines = 1, taken = 0;
    for (const { name } of told.series) {
      const item = 16 + 5 + ruler.measureText(name).width + 10;
      if (taken && taken + item > width - 10) [lines, taken] = [lines + 1, 0];
      taken += item;
    }
    return told.series.length > 1 ? lines : 0;
  }

  function option({ told, place }) {
    const width = place.clientWidth;
    const font = getComputedStyle(place).fontFamily; // its true name: text is measured where there is nothing to inherit
    const lines = legendLines(told, width, font);
    const text = color("--quiet"), edge = color("--edge");
    const colors = [1, 2, 3, 4, 5, 6].map((n) => color(`--series-${n}`));
    const axis = { axisLabel: { color: text, fontSize: SIZE, hideOverlap: true }, axisLine: { lineStyle: { color: edge } } };
    const names = { type: "category", data: told.names, ...axis };
    if (told.across) names.axisLabel = { ...axis.axisLabel, width: width * 0.45, overflow: "truncate" };
    const values = { type: "value", ...axis, splitLine: { lineStyle: { color: edge } } };
    const series = told.series.map((one, n) => ({
      name: one.name, data: one.values, type: told.kind, itemStyle: { color: colors[n % colors.length] },
      lineStyle: { color: colors[n % colors.length], width: 2 }, symbolSize: 7, barMaxWidth: 34, barMinHeight: 1,
    }));
    return {
      animation: false,
      aria: { enabled: true, label: { description: told.title } },
      textStyle: { fontFamily: font, color: text },
      grid: { left: 4, right: 12, top: lines ? 22 + 22 * lines : 12, bottom: 4, containLabel: true },
      legend: told.series.length > 1
        ? { type: "plain", top: 0, left: 0, textStyle: { color: text, fontSize: SIZE }, itemWidth: 16 } : undefined,
      tooltip: {
        trigger: "axis", renderMode: "richText", confine: true, backgroundColor: color("--card"), borderColor: edge,
        textStyle: { color: color("--text"), fontSize: SIZE }, axisPointer: { type: told.kind === "bar" ? "shadow" : "line" },
      },
      xAxis: told.across ? values : names,
      yAxis: told.across ? { ...names, inverse: true } : values,
      series,
    };
  }

  function draw(one) {
    one.chart.setOption(option(one), true);
  }

  for (const place of document.querySelectorAll("[data-chart]")) {
    const told = JSON.parse(place.dataset.chart);
    place.classList.add("drawn");
    place.style.height = `${told.across ? 60 + 26 * told.names.length * told.series.length : 260}px`;
    const one = { told, place, chart: echarts.init(place, null, { renderer: "svg" }) };
    draw(one);
    drawn.push(one);
    new ResizeObserver(() => {
      one.chart.resize();
      draw(one);
    }).observe(place);
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawn.forEach(draw));
})();
