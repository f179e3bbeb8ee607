/* Draws what a page tells in `data-chart`, in the colors of the page, and again when these or its width change. What a
   chart shows stands in a table beside it, too: without this script nothing is missing. */
(() => {
  const drawn = [];

  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function option(told) {
    const text = color("--quiet"), edge = color("--edge");
    const colors = [1, 2, 3, 4, 5, 6].map((n) => color(`--series-${n}`));
    const axis = { axisLabel: { color: text, fontSize: 13, hideOverlap: true }, axisLine: { lineStyle: { color: edge } } };
    const names = { type: "category", data: told.names, ...axis };
    const values = { type: "value", ...axis, splitLine: { lineStyle: { color: edge } } };
    const series = told.series.map((one, n) => ({
      name: one.name, data: one.values, type: told.kind, itemStyle: { color: colors[n % colors.length] },
      lineStyle: { color: colors[n % colors.length], width: 2 }, symbolSize: 7, barMaxWidth: 34, barMinHeight: 1,
    }));
    return {
      animation: false,
      aria: { enabled: true, label: { description: told.title } },
      textStyle: { fontFamily: "inherit", color: text },
      grid: { left: 4, right: 12, top: told.series.length > 1 ? 44 : 12, bottom: 4, containLabel: true },
      legend: told.series.length > 1
        ? { type: "plain", top: 0, left: 0, textStyle: { color: text, fontSize: 13 }, itemWidth: 16 } : undefined,
      tooltip: {
        trigger: "axis", renderMode: "richText", confine: true, backgroundColor: color("--card"), borderColor: edge,
        textStyle: { color: color("--text"), fontSize: 13 }, axisPointer: { type: told.kind === "bar" ? "shadow" : "line" },
      },
      xAxis: told.across ? values : names,
      yAxis: told.across ? { ...names, inverse: true } : values,
      series,
    };
  }

  function draw(one) {
    one.chart.setOption(option(one.told), true);
  }

  for (const place of document.querySelectorAll("[data-chart]")) {
    const told = JSON.parse(place.dataset.chart);
    place.classList.add("drawn");
    place.style.height = `${told.across ? 60 + 26 * told.names.length * told.series.length : 260}px`;
    const one = { told, chart: echarts.init(place, null, { renderer: "svg" }) };
    draw(one);
    drawn.push(one);
    new ResizeObserver(() => one.chart.resize()).observe(place);
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawn.forEach(draw));
})();
