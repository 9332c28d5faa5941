/** The style sheet of the report. */
export const REPORT_STYLE: string = `
:root {
  color-scheme: light dark;
  --back: #f6f7f9; --card: #ffffff; --text: #1c2128; --muted: #656d76; --line: #dfe3e8;
  --busy: #2f6fde; --idle: #e9ecf1; --bad: #d1242f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #0e1116; --card: #161b22; --text: #e6e9ed; --muted: #939ba5; --line: #2a313a;
    --busy: #3f7ee6; --idle: #222932; --bad: #ff7b72;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--back); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
}
header, main { max-width: 1120px; margin: 0 auto; padding: 0 20px; }
header { padding-top: 28px; }
main { padding-bottom: 40px; }
h1 { font-size: 26px; margin: 0; overflow-wrap: anywhere; }
header p { margin: 2px 0 18px; color: var(--muted); }
h2 { font-size: 17px; margin: 0 0 2px; }
.note { color: var(--muted); font-size: 13px; margin: 0 0 10px; }
section, .tiles > div {
  background: var(--card); border: 1px solid var(--line); border-radius: 10px;
}
section { padding: 16px 18px; margin-top: 16px; }
.tiles {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(230px, 1fr)); gap: 12px; margin: 0;
}
.tiles > div { padding: 10px 14px; }
dt { color: var(--muted); font-size: 13px; }
dd { margin: 0; font-size: 23px; font-weight: 600; line-height: 1.3; font-variant-numeric: tabular-nums; }
dd.note { font-size: 12.5px; font-weight: 400; min-height: 1.3em; }
.bad dd:not(.note), span.bad { color: var(--bad); }
.chart {
  display: block; margin-left: 66px; width: calc(100% - 82px); overflow: visible; font-size: 11.5px;
}
.death { overflow: visible; }
.halo { stroke: var(--card); stroke-width: 5; fill: none; }
.died { stroke: var(--bad); stroke-width: 2.2; fill: none; }
svg text { fill: var(--muted); font-variant-numeric: tabular-nums; }
svg .name { text-anchor: end; }
svg .mark { text-anchor: middle; }
.grid { stroke: var(--line); }
.idle { fill: var(--idle); }
.busy, .area { fill: var(--busy); }
.shared { opacity: 0.45; }
.shade1 { opacity: 0.3; }
.shade2 { opacity: 0.5; }
.shade3 { opacity: 0.75; }
.failed { fill: var(--bad); }
.cancelled { fill: var(--muted); }
.key { display: inline-block; width: 11px; height: 11px; border-radius: 2px; margin: 0 5px 0 8px; }
.key:first-child { margin-left: 0; }
.key.busy { background: var(--busy); }
.key.idle { background: var(--idle); border: 1px solid var(--line); }
.key.failed { background: var(--bad); }
.key.cancelled { background: var(--muted); }
.key.died { color: var(--bad); font: bold 16px/11px sans-serif; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: 14px; }
th, td { text-align: right; padding: 4px 10px; white-space: nowrap; border-bottom: 1px solid var(--line); }
th { color: var(--muted); font-weight: 500; font-size: 13px; }
tbody tr:last-child td { border-bottom: 0; }
.text { text-align: left; }
.failure { border-top: 1px solid var(--line); padding: 10px 0; }
.failure p { margin: 0 0 6px; }
.failure ul { margin: 6px 0 0; padding-left: 20px; }
code { font: 12.5px/1.5 ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
pre {
  margin: 0; padding: 10px 12px; background: var(--back); border-left: 3px solid var(--bad); border-radius: 4px;
  font: 12.5px/1.5 ui-monospace, "DejaVu Sans Mono", monospace; white-space: pre-wrap; overflow-wrap: anywhere;
  max-height: 16em; overflow-y: auto;
}
summary { cursor: pointer; color: var(--muted); }
@media (max-width: 600px) {
  header, main { padding-left: 12px; padding-right: 12px; }
  header { padding-top: 16px; }
  h1 { font-size: 22px; }
  section { padding: 14px 12px; }
  .tiles { grid-template-columns: 1fr 1fr; gap: 8px; }
  .tiles > div { padding: 8px 10px; }
  dd { font-size: 19px; }
  .minor { display: none; }
}
@media print { section { break-inside: avoid; } }
`;
