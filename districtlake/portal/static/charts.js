// Charts are drawn from the table that stands beside each of them: one source, and a reader without eyes for charts has the table.
(function () {
  var COLOURS = { overdue: "#c4483d", waiting: "#7a6fb0", due: "#d98a1f", near: "#e3b94b", not_due: "#3f9560", never_delivered: "#8a94a0", no_due_date: "#b9c1ca" };
  var PALETTE = ["#2f6fb5", "#3f9560", "#c4483d"];
  function read(table) {
    var heads = Array.from(table.tHead.rows[0].cells);
    var rows = Array.from(table.tBodies[0].rows);
    return {
      names: rows.map(function (row) { return row.cells[0].textContent.trim(); }),
      series: heads.slice(1).map(function (head, place) {
        return {
          name: head.textContent.trim(), colour: COLOURS[head.dataset.colour],
          values: rows.map(function (row) { return Number(row.cells[place + 1].textContent.replace(/,/g, "")); }),
        };
      }),
    };
  }
  function draw(element) {
    var data = read(document.getElementById(element.dataset.table));
    var style = getComputedStyle(document.body);
    var ink = style.color, quiet = getComputedStyle(document.documentElement).getPropertyValue("--tblr-secondary").trim() || ink;
    var kind = element.dataset.chart, lying = kind === "stacked";
    var names = lying ? data.names.slice().reverse() : data.names;
    var category = { type: "category", data: names, axisLabel: { color: quiet, hideOverlap: true }, axisLine: { lineStyle: { color: quiet } }, axisTick: { show: false } };
    var value = { type: "value", minInterval: 1, axisLabel: { color: quiet }, splitLine: { lineStyle: { color: quiet, opacity: 0.25 } } };
    var shown = data.series.filter(function (one) { return !lying || one.values.some(Boolean); });
    var chart = echarts.getInstanceByDom(element) || echarts.init(element, null, { renderer: "svg" });
    if (lying) element.style.height = Math.max(180, 28 * names.length + 70) + "px";
    chart.setOption({
      textStyle: { fontFamily: style.fontFamily, color: ink }, aria: { enabled: false }, animation: false,
      color: PALETTE, grid: { left: 8, right: 24, top: shown.length > 1 ? 36 : 12, bottom: 8, containLabel: true },
      legend: shown.length > 1 ? { top: 0, type: "scroll", textStyle: { color: ink } } : undefined,
      tooltip: { trigger: "axis", renderMode: "richText", axisPointer: { type: lying || kind === "bar" ? "shadow" : "line" } },
      xAxis: lying ? value : category, yAxis: lying ? category : value,
      series: shown.map(function (one) {
        return {
          name: one.name, type: kind === "line" ? "line" : "bar", stack: lying ? "all" : undefined, symbolSize: 5, barMaxWidth: 36,
          data: lying ? one.values.slice().reverse() : one.values, itemStyle: one.colour ? { color: one.colour } : undefined,
          label: kind === "bar" ? { show: true, position: "top", color: ink } : undefined,
        };
      }),
    }, true);
    chart.resize();
  }
  function all() { document.querySelectorAll("[data-chart]").forEach(draw); }
  document.addEventListener("DOMContentLoaded", all);
  window.addEventListener("resize", all);
  new MutationObserver(all).observe(document.documentElement, { attributes: true, attributeFilter: ["data-bs-theme"] });
})();
