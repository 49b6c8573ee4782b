/** The style of the page `/topology`; boxes of the machine bring their own. */
export const MAP_PAGE_STYLE = `
:root { color-scheme: light; --ink: #1f2933; --soft: #52606d; --line: #d5dde5; --bad: #b42318; --warn: #93590a; --good: #1a7f4b; }
* { box-sizing: border-box; }
body { margin: 0; background: #f5f7fa; color: var(--ink); font: 14px/1.45 system-ui, "DejaVu Sans", sans-serif; }
header { display: flex; flex-wrap: wrap; gap: 6px 24px; align-items: baseline; padding: 14px 20px 10px; }
h1 { margin: 0; font-size: 20px; }
h2 { margin: 0; font-size: 14px; }
#summary, .soft { color: var(--soft); }
#live { margin-left: auto; color: var(--soft); font-size: 13px; }
#live::before { content: "●"; margin-right: 6px; color: var(--good); }
#live.lost { color: var(--bad); }
#live.lost::before { color: var(--bad); }
#conditions, #findings { list-style: none; margin: 0; padding: 0 20px; display: flex; flex-wrap: wrap; gap: 6px; font-size: 13px; }
#conditions li { padding: 1px 10px; border-radius: 10px; background: #e3f3ea; color: var(--good); }
#conditions li::before { content: "✓ "; }
#conditions li.failed { background: #fdeceb; color: var(--bad); border-radius: 6px; }
#conditions li.failed::before { content: "✗ "; }
#findings { flex-direction: column; margin-top: 8px; }
#findings li { padding: 6px 12px; border-left: 4px solid var(--warn); background: #fdf4e3; }
#findings li.error { border-color: var(--bad); background: #fdeceb; }
#bar { display: flex; height: 16px; margin: 12px 20px 4px; border-radius: 4px; overflow: hidden; background: #fff; border: 1px solid var(--line); }
#bar span { min-width: 2px; }
#bar .claimed { background: #56b4e9; }
#bar .reserved { background: repeating-linear-gradient(45deg, #b8c2cc 0 4px, #dde3e9 4px 8px); }
#bar .free { background: #fff; }
#bar .offline { background: #52606d; }
#counts { display: flex; flex-wrap: wrap; gap: 2px 20px; margin: 0 20px 12px; padding: 0; font-size: 13px; color: var(--soft); list-style: none; }
#counts b { color: var(--ink); }
#counts i { display: inline-block; width: 11px; height: 11px; margin-right: 6px; border: 1px solid #9aa5b1; border-radius: 3px; vertical-align: -1px; }
main { display: flex; gap: 16px; align-items: flex-start; padding: 0 20px 20px; }
#map { flex: 1 1 auto; min-width: 0; overflow: auto; max-height: calc(100vh - 40px); background: #fff; border: 1px solid var(--line); border-radius: 8px; padding: 10px; }
#map svg { display: block; height: auto; }
#map .thread { cursor: default; }
#map .thread.reserved > rect { fill: url(#reserved); }
#map .thread.dark > text { fill: #fff; }
#map.picked .thread:not(.lit) { opacity: 0.28; }
#map .thread.lit > rect { stroke: #1f2933; stroke-width: 1.6; }
aside { flex: 0 0 330px; max-height: calc(100vh - 40px); overflow: auto; background: #fff; border: 1px solid var(--line); border-radius: 8px; padding: 10px; }
aside input { width: 100%; margin: 8px 0; padding: 6px 8px; border: 1px solid var(--line); border-radius: 5px; font: inherit; }
#claims { list-style: none; margin: 0; padding: 0; }
#claims button { display: grid; grid-template-columns: 14px 1fr auto; gap: 0 8px; width: 100%; padding: 5px 6px; border: 0; border-radius: 5px; background: none; color: inherit; font: inherit; text-align: left; cursor: pointer; }
#claims button:hover, #claims button:focus-visible { background: #eef2f6; }
#claims button[aria-pressed="true"] { background: #dfe8f1; }
#claims .swatch { width: 13px; height: 13px; margin-top: 4px; border: 1px solid rgba(0, 0, 0, 0.25); border-radius: 3px; }
#claims .name, #claims .where { overflow-wrap: anywhere; }
#claims .where { grid-column: 2 / 4; color: var(--soft); font-size: 12.5px; }
#claims .count { color: var(--soft); }
details { margin-top: 10px; border-top: 1px solid var(--line); padding-top: 8px; }
details ul { margin: 4px 0; padding-left: 18px; font-size: 12.5px; color: var(--soft); overflow-wrap: anywhere; }
summary { cursor: pointer; }
#tip { position: fixed; z-index: 1; max-width: 380px; padding: 6px 10px; border-radius: 6px; background: #1f2933; color: #fff; font-size: 12.5px; white-space: pre-line; pointer-events: none; overflow-wrap: anywhere; }
[hidden] { display: none !important; }
@media (max-width: 900px) { main { flex-direction: column; } #map { width: 100%; } aside { flex-basis: auto; width: 100%; max-height: none; } }
`;
