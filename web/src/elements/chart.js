// <plantar-chart src="…json" kind="force|bars">. force: {time_s, series: [{name, side, values}], unit, x?};
// bars: {categories, series, unit}. Drawn on a canvas; a table with the same numbers stands in it for screen readers.
import { BarChart, LineChart } from "echarts/charts";
import { GridComponent, LegendComponent } from "echarts/components";
import * as echarts from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";
import { colour, fetched, make, still } from "./common.js";

echarts.use([BarChart, LineChart, GridComponent, LegendComponent, CanvasRenderer]);

class PlantarChart extends HTMLElement {
  #chart = null;
  #run = 0;

  async connectedCallback() {
    const run = ++this.#run;
    this.classList.add("chart");
    const host = make("div", "chart-stage", { "aria-hidden": "true" });
    this.append(host);
    try {
      const data = await fetched(this.getAttribute("src"), "json");
      if (run !== this.#run) return;
      this.append(table(data, this.getAttribute("label") ?? ""));
      this.#chart = echarts.init(host, null, { renderer: "canvas" });
      this.#draw(data);
      this.watch = new ResizeObserver(() => { this.#chart?.resize(); });
      this.watch.observe(host);
      this.dataset.state = "ready";
    } catch (error) {
      if (run !== this.#run) return;
      console.warn(`plantar-chart: ${error.message}`);
      this.dataset.state = "failed";
    }
  }

  disconnectedCallback() {
    this.#run++;
    this.watch?.disconnect();
    this.#chart?.dispose();
    this.#chart = null;
    this.replaceChildren();
  }

  #draw(data) {
    const style = getComputedStyle(this);
    const px = parseFloat(style.fontSize);
    const text = { fontFamily: style.fontFamily, fontSize: Math.max(13, px * 0.78), color: colour("faint") };
    const sides = { left: colour("left"), right: colour("right") };
    const force = this.getAttribute("kind") !== "bars";
    const axis = { axisLabel: { ...text, hideOverlap: true }, axisLine: { lineStyle: { color: colour("line") } }, axisTick: { show: false },
      splitLine: { lineStyle: { color: colour("line"), type: [2, 4] } }, nameTextStyle: text };
    const series = data.series.map((one) => {
      const ink = sides[one.side] || colour("accent");
      if (!force) return { type: "bar", name: one.name, data: one.values, itemStyle: { color: ink, borderRadius: [0, 5, 5, 0] }, barMaxWidth: px * 0.8, barGap: "18%" };
      const points = data.time_s.map((t, k) => [t, one.values[k]]);
      return { type: "line", name: one.name, data: points, showSymbol: false, smooth: 0.2, sampling: "lttb",
        lineStyle: { color: ink, width: 3, type: one.side === "right" ? [12, 5] : "solid" }, itemStyle: { color: ink }, areaStyle: { color: ink, opacity: 0.1 } };
    });
    const united = (unit) => ({ ...axis.axisLabel, formatter: (v) => `${Math.round(100 * v) / 100} ${unit}` });
    const value = { type: "value", ...axis, axisLabel: united(data.unit), splitNumber: 3 };
    const other = force ? { type: "value", min: "dataMin", ...axis, axisLabel: { ...united(data.x ?? "s"), showMaxLabel: false }, splitLine: { show: false } }
      : { type: "category", data: data.categories, inverse: true, ...axis, axisLabel: { ...text, color: colour("ink") } };
    this.#chart.setOption({
      animation: !still(), animationDuration: 1100, animationEasing: "cubicInOut", textStyle: text,
      grid: { left: 8, right: px * 1.6, top: px * 2.4, bottom: 8, containLabel: true },
      legend: { top: 0, right: 0, textStyle: { ...text, color: colour("ink") }, icon: "roundRect", itemWidth: px * 0.9, itemHeight: px * 0.4 },
      xAxis: force ? { ...other, nameLocation: "end", nameGap: 6 } : value, yAxis: force ? value : other, series,
    });
  }
}

/** The numbers for those who don't see the picture; a long curve says its highest value only. */
function table(data, label) {
  const body = make("tbody");
  const rows = data.categories ?? ["max"];
  const head = make("tr", "", {}, make("td"), ...data.series.map((one) => make("th", "", { scope: "col" }, one.name)));
  rows.forEach((name, k) => {
    const cells = data.series.map((one) => make("td", "", {}, `${data.categories ? one.values[k] : Math.round(Math.max(...one.values))} ${data.unit}`));
    body.append(make("tr", "", {}, make("th", "", { scope: "row" }, name), ...cells));
  });
  return make("table", "unseen", {}, make("caption", "", {}, label), make("thead", "", {}, head), body);
}

customElements.define("plantar-chart", PlantarChart);
