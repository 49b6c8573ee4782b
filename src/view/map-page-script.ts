/**
 * The script of the page `/topology`, as the browser gets it: it paints the drawn machine with what `/topology.json` says,
 * every two seconds while the page is seen. All texts from outside are set as text, never as markup.
 */
export const MAP_PAGE_SCRIPT = `
'use strict';
const PERIOD_MS = 2000;
const TIMEOUT_MS = 8000;
// Okabe and Ito, then lighter and darker shades of them: told apart also by most people who do not see all colours.
const COLOURS = ['#56b4e9', '#e69f00', '#009e73', '#cc79a7', '#f0e442', '#d55e00', '#0072b2', '#b3def7', '#f6cf7a',
  '#8fd9bf', '#ebc3d9', '#9a6a00', '#00553e', '#7f3f63'];
const DARK = ['#009e73', '#d55e00', '#0072b2', '#9a6a00', '#00553e', '#7f3f63'];
const byId = (id) => document.getElementById(id);
const threads = new Map([...document.querySelectorAll('#map [data-cpu]')].map((box) => [Number(box.dataset.cpu), box]));
const places = new Map();
for (const [cpu, box] of threads) {
  const title = box.querySelector(':scope > title');
  places.set(cpu, title ? title.textContent : 'CPU ' + cpu);
  if (title) title.remove();
  for (let group = box.parentElement; group && group.closest('#map'); group = group.parentElement) {
    const label = group.querySelector(':scope > text');
    if (label) places.set(cpu, places.get(cpu) + '\\n' + label.textContent);
  }
}
let state;
let owners = new Map();
let picked;
let hovered;
const slots = new Map();

function parseCpus(list) {
  const cpus = [];
  for (const part of list.split(',')) {
    if (part === '') continue;
    const [first, last = first] = part.split('-').map(Number);
    for (let cpu = first; cpu <= last; cpu += 1) cpus.push(cpu);
  }
  return cpus;
}

// A claim keeps its colour as long as it is there; a new one gets the lowest that is free.
function assignColours(claims) {
  for (const name of [...slots.keys()]) if (!claims.some(({ claim }) => claim === name)) slots.delete(name);
  const used = new Set(slots.values());
  for (const { claim } of claims) {
    if (slots.has(claim)) continue;
    let slot = 0;
    while (used.has(slot)) slot += 1;
    used.add(slot);
    slots.set(claim, slot);
  }
}
const colourOf = (name) => COLOURS[slots.get(name) % COLOURS.length];

function element(tag, properties, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

function paintThreads() {
  const reserved = new Set(parseCpus(state.cpus.reserved));
  owners = new Map();
  for (const claim of state.claims) for (const cpu of parseCpus(claim.cpus)) owners.set(cpu, claim);
  for (const [cpu, box] of threads) {
    const owner = owners.get(cpu);
    const colour = owner ? colourOf(owner.claim) : '';
    box.querySelector('rect').style.fill = colour;
    box.classList.toggle('claimed', owner !== undefined);
    box.classList.toggle('reserved', owner === undefined && reserved.has(cpu));
    box.classList.toggle('dark', DARK.includes(colour));
  }
}

function light() {
  const name = hovered ?? picked;
  byId('map').classList.toggle('picked', name !== undefined);
  for (const [cpu, box] of threads) box.classList.toggle('lit', name !== undefined && owners.get(cpu)?.claim === name);
}

function pick(name) {
  picked = picked === name ? undefined : name;
  for (const button of document.querySelectorAll('#claims button')) {
    button.setAttribute('aria-pressed', String(button.dataset.claim === picked));
  }
  light();
}

function createClaimRow(claim) {
  const swatch = element('span', { className: 'swatch' });
  swatch.style.background = colourOf(claim.claim);
  const count = parseCpus(claim.cpus).length;
  const button = element('button', { type: 'button' }, swatch,
    element('span', { className: 'name', textContent: claim.claim }),
    element('span', { className: 'count', textContent: count + (count === 1 ? ' CPU' : ' CPUs') }),
    element('span', { className: 'where', textContent: 'CPUs ' + (claim.cpus || 'none') + (claim.sharedCPUs ? ' and the shared ones' : '') }),
    element('span', { className: 'where', textContent: claim.containers.join(', ') || 'no container now' }));
  button.dataset.claim = claim.claim;
  button.setAttribute('aria-pressed', String(claim.claim === picked));
  button.addEventListener('click', () => pick(claim.claim));
  button.addEventListener('mouseenter', () => { hovered = claim.claim; light(); });
  button.addEventListener('mouseleave', () => { hovered = undefined; light(); });
  return element('li', {}, button);
}

function listClaims() {
  const words = byId('filter').value.toLowerCase().split(/\\s+/).filter((word) => word !== '');
  const seen = state.claims.filter((claim) => {
    const text = [claim.claim, ...claim.containers].join(' ').toLowerCase();
    const cpus = parseCpus(claim.cpus);
    return words.every((word) => text.includes(word) || cpus.includes(Number(word)));
  });
  const focused = document.activeElement?.dataset?.claim;
  byId('claims').replaceChildren(...seen.map(createClaimRow));
  if (focused) document.querySelector('#claims button[data-claim="' + CSS.escape(focused) + '"]')?.focus();
  byId('claim-count').textContent = seen.length === state.claims.length ? seen.length : seen.length + ' of ' + state.claims.length;
  byId('no-claims').hidden = state.claims.length > 0;
}

function listShared() {
  const { sharedContainers, cpus } = state;
  byId('shared-count').textContent = sharedContainers.length;
  byId('shared-pool').textContent = cpus.sharedPool || 'none';
  byId('shared').replaceChildren(...sharedContainers.map((name) => element('li', { textContent: name })));
}

function showCounts() {
  const kinds = ['claimed', 'free', 'reserved', 'offline'];
  const numbers = kinds.map((kind) => parseCpus(state.cpus[kind]).length);
  byId('bar').replaceChildren(...kinds.map((kind, i) => {
    const part = element('span', { className: kind, title: kind + ': ' + numbers[i] });
    part.style.flex = numbers[i] + ' 0 0';
    part.hidden = numbers[i] === 0;
    return part;
  }));
  kinds.forEach((kind, i) => {
    byId(kind + '-count').textContent = numbers[i];
    byId(kind + '-item').hidden = numbers[i] === 0 && kind === 'offline';
  });
}

function showHealth() {
  byId('conditions').replaceChildren(...state.conditions.map(({ name, ok, reason }) =>
    element('li', { className: ok ? '' : 'failed', textContent: ok ? name : name + ': ' + (reason ?? 'failed') })));
  byId('findings').replaceChildren(...state.findings.map(({ severity, message }) =>
    element('li', { className: severity, textContent: message })));
}

function show(next) {
  state = next;
  assignColours(state.claims);
  if (!slots.has(picked)) picked = undefined;
  if (!slots.has(hovered)) hovered = undefined;
  paintThreads();
  listClaims();
  listShared();
  showCounts();
  showHealth();
  light();
}

// The drawing fits the window, but is never so small that numbers cannot be read, nor much larger than drawn.
function fit() {
  const svg = document.querySelector('#map svg');
  const { width, height } = svg.viewBox.baseVal;
  const room = byId('map');
  const high = innerHeight - room.getBoundingClientRect().top - scrollY - 45;
  const scale = Math.max(0.72, Math.min((room.clientWidth - 20) / width, high / height, 2));
  svg.style.width = width * scale + 'px';
}

function tell(text, isLost) {
  byId('live').textContent = text;
  byId('live').classList.toggle('lost', isLost);
}

async function refresh() {
  try {
    const answer = await fetch('topology.json?machine=no', { cache: 'no-store', signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (!answer.ok) throw new Error('HTTP ' + answer.status);
    const next = await answer.json();
    // CPUs came or went, or another driver answers: the drawing itself is old.
    if (next.cpus.online !== state.cpus.online || next.summary !== state.summary || next.node !== state.node || next.version !== state.version) location.reload();
    show(next);
    tell('live, ' + new Date().toLocaleTimeString(), false);
  } catch (error) {
    tell('no answer from the driver (' + error.message + '), trying again', true);
  }
}

async function keepFresh() {
  if (document.visibilityState === 'visible') await refresh();
  setTimeout(keepFresh, PERIOD_MS);
}

byId('map').addEventListener('mousemove', (event) => {
  const box = event.target.closest('[data-cpu]');
  const tip = byId('tip');
  tip.hidden = box === null;
  if (box === null) return;
  const cpu = Number(box.dataset.cpu);
  const owner = owners.get(cpu);
  const kind = box.classList.contains('reserved') ? 'reserved for the system' : 'free, for containers without a claim';
  const who = owner ? 'claim ' + owner.claim + '\\n' + (owner.containers.join('\\n') || 'no container now') : kind;
  tip.textContent = places.get(cpu) + '\\n' + who;
  const { offsetWidth: width, offsetHeight: height } = tip;
  tip.style.left = Math.min(event.clientX + 14, innerWidth - width - 8) + 'px';
  tip.style.top = Math.min(event.clientY + 16, innerHeight - height - 8) + 'px';
});
byId('map').addEventListener('mouseleave', () => { byId('tip').hidden = true; });
byId('map').addEventListener('click', (event) => {
  const owner = owners.get(Number(event.target.closest('[data-cpu]')?.dataset.cpu));
  if (owner) pick(owner.claim);
  else if (picked !== undefined) pick(picked);
});
byId('filter').addEventListener('input', listClaims);
addEventListener('resize', fit);
show(JSON.parse(byId('state').textContent));
fit();
tell('live, ' + new Date().toLocaleTimeString(), false);
setTimeout(keepFresh, PERIOD_MS);
`;
