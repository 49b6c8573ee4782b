import { describeCpuMap, type NodeState } from './cpu-map.ts';
import { MAP_PAGE_SCRIPT } from './map-page-script.ts';
import { MAP_PAGE_STYLE } from './map-page-style.ts';
import { summarizeMachine } from './machine-picture.ts';
import { drawMachine, escapeText } from './topology-svg.ts';

/** Nothing but what is in the page runs or is shown, and it may ask nobody but the driver that served it. */
const SECURITY_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; form-action 'none'";

/** The stripes of reserved CPUs. */
const RESERVED_PATTERN =
  '<svg width="0" height="0" style="position:absolute" aria-hidden="true"><defs><pattern id="reserved" width="6" height="6" ' +
  'patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="6" height="6" fill="#eef1f4"/>' +
  '<rect width="3" height="6" fill="#b8c2cc"/></pattern></defs></svg>';

/** JSON inside a script element: no text in it can end the element (HTML standard, script data). */
function embedJson(value: object): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c');
}

function countItem(kind: string, label: string, swatch: string): string {
  return `<li id="${kind}-item"><i style="background:${swatch}"></i><b id="${kind}-count"></b> ${label}</li>`;
}

const COUNTS = [
  countItem('claimed', 'held by claims', '#56b4e9'),
  countItem('free', 'free', '#fff'),
  countItem('reserved', 'reserved', 'repeating-linear-gradient(45deg,#b8c2cc 0 3px,#dde3e9 3px 6px)'),
  countItem('offline', 'offline', '#52606d'),
].join('');

/**
 * The page `/topology`: the machine with every CPU in the colour of the claim that holds it, kept up to date by
 * `/topology.json` beside it. One HTML document that needs no other file.
 * @param machine the drawing of the state's topology, for callers that have it already.
 */
export function renderMapPage(state: NodeState, machine = drawMachine(state.topology)): string {
  const title = escapeText(`CPUs of ${state.nodeName}`);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${SECURITY_POLICY}">
<title>${title}</title><style>${MAP_PAGE_STYLE}</style></head><body>
<header><h1>${title}</h1><span id="summary">${escapeText(describeSummary(state))}</span><span id="live" role="status"></span></header>
<ul id="conditions" aria-label="Readiness"></ul><ul id="findings" aria-label="Warnings"></ul>
<div id="bar" aria-hidden="true"></div><ul id="counts" aria-label="CPUs">${COUNTS}</ul>
<noscript><p style="padding:0 20px">This page is painted by a script. Without one, read <a href="topology.json">topology.json</a>.</p></noscript>
${RESERVED_PATTERN}<main><div id="map">${machine}</div>
<aside><h2>Claims (<span id="claim-count"></span>)</h2>
<input id="filter" type="search" placeholder="find a claim, a pod or a CPU number" aria-label="Find a claim, a pod or a CPU number">
<p id="no-claims" class="soft">No claim holds a CPU of this node.</p><ul id="claims"></ul>
<details><summary><b>Containers without a claim</b> (<span id="shared-count"></span>)</summary>
<p class="soft">share CPUs <span id="shared-pool"></span></p><ul id="shared"></ul></details></aside></main>
<div id="tip" role="tooltip" hidden></div>
<script type="application/json" id="state">${embedJson(describeCpuMap(state, { withTopology: false }))}</script>
<script>${MAP_PAGE_SCRIPT}</script></body></html>
`;
}

function describeSummary({ version, runtime, topology }: NodeState): string {
  return [summarizeMachine(topology), `dracpu ${version}`, runtime].filter((part) => part !== undefined).join(' · ');
}
