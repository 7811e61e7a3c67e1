/** The style sheet and the script of the HTML report. They hold no text of a cluster. */

/** Both themes from one set of variables; what a screen needs for moving about is left off on paper. */
export const pageStyle: string = `
:root{color-scheme:light dark;--page:#f6f7f9;--card:#fff;--text:#1c2128;--dim:#5d6672;--line:#dfe3e8;--soft:#f0f2f5;--link:#0b5fc1;--critical:#c8262e;--criticalSoft:#fdecec;--warning:#a65f00;--warningSoft:#fff3dc;--info:#1f6fc2;--infoSoft:#e8f2fd;--risk:#7a3fb8;--riskSoft:#f3ebfc;--good:#1a7f45}
@media(prefers-color-scheme:dark){:root{--page:#11151a;--card:#191f26;--text:#e4e8ee;--dim:#98a2b0;--line:#2c343e;--soft:#212932;--link:#74b2ff;--critical:#ff6b6b;--criticalSoft:#3a1d20;--warning:#f0b04a;--warningSoft:#35290f;--info:#6cb2ff;--infoSoft:#15283d;--risk:#c59bff;--riskSoft:#2b1f3d;--good:#5fd08b}}
*{box-sizing:border-box}
body{margin:0 auto;padding:28px 24px 48px;max-width:1240px;background:var(--page);color:var(--text);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
a{color:var(--link)}
h1,h2,h3,p,ul,ol{margin:0}
code,pre,td{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;font-size:12.5px}
header{display:flex;flex-wrap:wrap;gap:20px 40px;align-items:center;justify-content:space-between;margin-bottom:20px}
.cluster{font-weight:600;color:var(--dim)}
h1{font-size:30px;line-height:1.2;letter-spacing:-.01em}
h1.critical{color:var(--critical)}h1.warning{color:var(--warning)}h1.good{color:var(--good)}
.facts{color:var(--dim);font-size:14px}
.tiles{display:flex;flex-wrap:wrap;gap:8px;padding:0;list-style:none}
.tiles li{min-width:86px;padding:10px 14px;background:var(--card);border:1px solid var(--line);border-radius:10px;font-size:12px;color:var(--dim)}
.tiles b{display:block;font-size:22px;line-height:1.1;color:var(--text);font-variant-numeric:tabular-nums}
.tiles .critical:not(.zero) b{color:var(--critical)}.tiles .warning:not(.zero) b{color:var(--warning)}
.notice{margin-bottom:16px;padding:10px 14px;border-radius:10px;background:var(--warningSoft);border:1px solid var(--warning)}
.controls{position:sticky;top:0;z-index:1;display:flex;flex-wrap:wrap;gap:8px;align-items:center;padding:10px 0;background:var(--page)}
.controls[hidden]{display:none}
input,select{font:inherit;font-size:14px;padding:7px 10px;color:inherit;background:var(--card);border:1px solid var(--line);border-radius:8px}
input[type=search]{flex:1 1 240px;min-width:0}
#count{color:var(--dim);font-size:13px;min-width:92px;text-align:right}
:focus-visible{outline:2px solid var(--link);outline-offset:1px}
nav{margin-bottom:24px;background:var(--card);border:1px solid var(--line);border-radius:12px;overflow:hidden}
nav ol{padding:0;list-style:none}
nav li+li{border-top:1px solid var(--line)}
nav a{display:grid;grid-template-columns:14px minmax(180px,1fr) 2fr;gap:10px;align-items:baseline;padding:7px 14px;color:inherit;text-decoration:none;font-size:14px}
nav a:hover{background:var(--soft)}
nav b{overflow-wrap:anywhere;font-weight:600}
nav span{color:var(--dim)}
.dot{display:inline-block;width:9px;height:9px;border-radius:50%;background:var(--dim)}
.dot.critical{background:var(--critical)}.dot.warning{background:var(--warning)}.dot.info{background:var(--info)}.dot.risk{background:var(--risk)}
article,.changes,.accepted,.coverage{margin-bottom:20px;padding:20px 22px;background:var(--card);border:1px solid var(--line);border-radius:12px;scroll-margin-top:64px}
article{border-left:4px solid var(--dim)}
article.critical{border-left-color:var(--critical)}article.warning{border-left-color:var(--warning)}article.info{border-left-color:var(--info)}article.risk{border-left-color:var(--risk)}
article[hidden],nav li[hidden]{display:none}
h2{display:flex;flex-wrap:wrap;gap:4px 10px;align-items:baseline;font-size:18px;line-height:1.35;overflow-wrap:anywhere}
.number{color:var(--dim);font-weight:400;font-variant-numeric:tabular-nums}
.badge{padding:1px 9px;border-radius:99px;font-size:12px;font-weight:600;background:var(--soft)}
.badge.critical{color:var(--critical);background:var(--criticalSoft)}.badge.warning{color:var(--warning);background:var(--warningSoft)}.badge.info{color:var(--info);background:var(--infoSoft)}.badge.risk{color:var(--risk);background:var(--riskSoft)}
.place{padding:1px 9px;border-radius:99px;font-size:12px;font-weight:600;color:var(--card);background:var(--dim)}
.part>h2{margin:32px 0 10px;padding-bottom:6px;border-bottom:2px solid var(--line);font-size:22px;scroll-margin-top:64px}
.part>.dim{margin-bottom:14px}
.dot.good{background:var(--good)}
.tag{padding:0 7px;border-radius:5px;font-size:12px;font-style:normal;font-weight:600;color:var(--card);background:var(--link)}
.age{margin-left:auto;color:var(--dim);font-size:13px;font-weight:400}
.title{margin-top:4px;font-size:16px}
.why,.dim{color:var(--dim)}
.scroll{margin:16px 0 4px;overflow-x:auto}
.graph{display:block;max-width:100%;height:auto}
.graph text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,Arial,sans-serif;fill:var(--text)}
.graph .kind{font-size:11px;fill:var(--dim)}.graph .name{font-size:12.5px;font-weight:600}.graph .more{font-size:12px;fill:var(--dim)}
.graph rect{fill:var(--soft);stroke:var(--line)}
.graph .root rect{stroke-width:1.5}
.graph .critical rect{fill:var(--criticalSoft);stroke:var(--critical)}.graph .warning rect{fill:var(--warningSoft);stroke:var(--warning)}.graph .info rect{fill:var(--infoSoft);stroke:var(--info)}
.graph .node .edge{stroke:none;fill:var(--dim)}.graph .critical .edge{fill:var(--critical)}.graph .warning .edge{fill:var(--warning)}.graph .info .edge{fill:var(--info)}
.graph .node:not(.root) rect:not(.edge){stroke:var(--line);fill:var(--soft)}
.graph .link{fill:none;stroke:var(--dim);stroke-width:1.4;opacity:.75}.graph .tip{fill:var(--dim);opacity:.9}
.columns{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1fr);gap:8px 32px;margin-top:12px}
h3{margin:12px 0 4px;font-size:12px;letter-spacing:.05em;text-transform:uppercase;color:var(--dim)}
table{width:100%;border-collapse:collapse}
td,th{padding:3px 12px 3px 0;text-align:left;vertical-align:top;overflow-wrap:anywhere}
td:first-child{overflow-wrap:break-word}
th{padding-top:8px;font-size:13px;font-weight:600}
td:first-child:not([colspan]){width:45%;color:var(--dim)}
.accepted td{width:auto;color:inherit;padding-top:6px;border-top:1px solid var(--line)}
.symptoms,.objects,.coverage ul,.changes ul{padding:0;list-style:none}
.symptoms li,.coverage li,.changes li{padding:3px 0;overflow-wrap:anywhere}
.symptoms .dot{margin-right:8px}
pre{margin:0;padding:10px 12px;background:var(--soft);border-radius:8px;white-space:pre-wrap;overflow-wrap:anywhere}
.commands code::before{content:"$ ";color:var(--dim);user-select:none}
details{margin-top:10px}summary{cursor:pointer;color:var(--dim);font-size:13px}
.rule{margin-top:14px;color:var(--dim);font-size:12px}
.empty{padding:32px;text-align:center;color:var(--dim)}
footer{margin-top:28px;color:var(--dim);font-size:13px}
@media(max-width:760px){body{padding:16px 12px}.columns{grid-template-columns:minmax(0,1fr)}nav a{grid-template-columns:14px 1fr}nav a span:last-child{grid-column:2}.age{margin-left:0}}
@media print{:root{--page:#fff;--card:#fff;--text:#000;--dim:#444;--line:#bbb;--soft:#f5f5f5;--link:#000;--critical:#b3141c;--criticalSoft:#fff;--warning:#8a4f00;--warningSoft:#fff;--info:#1f5fa8;--infoSoft:#fff;--good:#116832}body{max-width:none;padding:0;font-size:11px}.controls{display:none!important}article{break-inside:avoid;padding:10px 12px;margin-bottom:10px}.scroll{overflow:visible}.graph{max-width:100%;height:auto}details::details-content{content-visibility:visible;block-size:auto}nav a{padding:3px 10px;font-size:11px}*{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
`;

/** Search and filters. The page is whole without it. */
export const pageScript: string = `
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const controls = byId("controls");
  if (!controls) return;
  controls.hidden = false;
  const articles = [...document.querySelectorAll("main article")];
  const texts = new Map(articles.map((article) => [article, article.textContent.toLowerCase()]));
  const value = (id) => (byId(id) ? byId(id).value : "");
  const apply = () => {
    const words = value("search").toLowerCase().split(/\\s+/).filter(Boolean);
    const onlyNew = byId("new") ? byId("new").checked : false;
    let shown = 0;
    for (const article of articles) {
      const { severity, namespaces, kinds, clusters } = article.dataset;
      const has = (list, wanted) => wanted === "" || list.split(" ").includes(wanted);
      const fits =
        has(clusters, value("cluster")) && has(severity, value("severity")) && has(namespaces, value("namespace")) && has(kinds, value("kind")) &&
        (!onlyNew || article.dataset.new === "1") && words.every((word) => texts.get(article).includes(word));
      article.hidden = !fits;
      const row = document.querySelector('[data-of="' + article.id.slice(2) + '"]');
      if (row) row.hidden = !fits;
      if (fits) shown += 1;
    }
    byId("none").hidden = shown > 0;
    byId("count").textContent = shown === articles.length ? "" : shown + " of " + articles.length;
  };
  controls.addEventListener("input", apply);
  controls.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("keydown", (event) => {
    if (event.key !== "/" || /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName)) return;
    event.preventDefault();
    byId("search").focus();
  });
  apply();
})();
`;
