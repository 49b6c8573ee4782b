import assert from 'node:assert/strict';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Browser, chromium, type Page } from 'playwright-core';
import { CpuSet } from '../../src/cpuset/cpu-set.ts';
import { createHttpRoutes, readMetricsState } from '../../src/http/http-routes.ts';
import { HttpServer } from '../../src/http/http-server.ts';
import { Ledger } from '../../src/claims/ledger.ts';
import { silentLog } from '../../src/lib/log.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { parseSynthetic } from '../../src/topology/synthetic.ts';
import type { NodeState } from '../../src/view/cpu-map.ts';
import { nodeState, type StateClaim } from '../../src/view/testing/node-state.ts';

/** Where distributions put a Chromium; DRACPU_CHROMIUM names another. */
const BROWSERS = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/lib/chromium/chromium',
];
const executablePath = [process.env.DRACPU_CHROMIUM ?? '', ...BROWSERS].find((path) => existsSync(path));
const skip =
  executablePath === undefined
    ? `no Chromium found (${BROWSERS.join(', ')}); install one or set DRACPU_CHROMIUM`
    : false;
/** Screenshots are kept here when set. */
const screenshots = process.env.DRACPU_SCREENSHOTS;

const SKY_BLUE = [0x56, 0xb4, 0xe9];
const ORANGE = [0xe6, 0x9f, 0x00];

const machines: { cpus: number; synthetic: string; reserved: string; claims: StateClaim[] }[] = [
  { cpus: 2, synthetic: 'pack:1 core:1 pu:2', reserved: '0', claims: [{ name: 'first', cpus: '1' }] },
  {
    cpus: 64,
    synthetic: 'pack:2 numa:1 l3:4(size=32MB) core:4 pu:2',
    reserved: '0,32',
    claims: [
      { name: 'first', cpus: '4-7,36-39' },
      { name: 'second', cpus: '8-10,40-42', running: false },
    ],
  },
  {
    cpus: 512,
    synthetic: 'pack:2 numa:4 l3:4(size=32MB) core:8 pu:2',
    reserved: '0-1,256-257',
    claims: [
      { name: 'first', cpus: '32-63,288-319' },
      { name: 'second', cpus: '8-15,264-271' },
    ],
  },
];

/** A driver's HTTP server over a state that tests replace. */
class Driver {
  state: NodeState;
  readonly #server: HttpServer;

  constructor(state: NodeState, port = 0) {
    this.state = state;
    const metrics = createMetrics(() => readMetricsState(this.state));
    const routes = createHttpRoutes({
      isStarted: () => true,
      readConditions: () => [],
      metrics,
      readState: () => this.state,
    });
    this.#server = new HttpServer({ bindAddress: { host: '127.0.0.1', port }, routes, log: silentLog });
  }

  async start(): Promise<number> {
    return (await this.#server.start()).port;
  }

  async stop(): Promise<void> {
    await this.#server.stop();
  }
}

/** The colours at points of what the page really looks like: of its screenshot, read back by the browser itself. */
async function readPixels(
  browser: Browser,
  page: Page,
  points: readonly { x: number; y: number }[],
): Promise<number[][]> {
  const shot = (await page.screenshot()).toString('base64');
  const reader = await browser.newPage();
  try {
    const script = `(async () => {
      const image = new Image();
      image.src = 'data:image/png;base64,${shot}';
      await image.decode();
      const canvas = new OffscreenCanvas(image.width, image.height).getContext('2d');
      canvas.drawImage(image, 0, 0);
      return ${JSON.stringify(points)}.map(({ x, y }) => [...canvas.getImageData(x, y, 1, 1).data].slice(0, 3));
    })()`;
    return await reader.evaluate<number[][]>(script);
  } finally {
    await reader.close();
  }
}

/** The middle of each CPU's box. */
async function locateCpus(page: Page, cpus: readonly number[]): Promise<{ x: number; y: number }[]> {
  return page.evaluate(`${JSON.stringify(cpus)}.map((cpu) => {
    const box = document.querySelector('[data-cpu="' + cpu + '"] > rect').getBoundingClientRect();
    return { x: Math.floor(box.left + box.width / 2), y: Math.floor(box.top + box.height / 2) };
  })`);
}

/** Numbers that do not fit their boxes. */
const OVERFLOWING = `[...document.querySelectorAll('[data-cpu]')].filter((thread) => {
  const box = thread.querySelector('rect').getBoundingClientRect();
  const text = thread.querySelector('text').getBoundingClientRect();
  return text.left < box.left || text.right > box.right;
}).length`;

describe('the page /topology in a browser', { skip, timeout: 120_000 }, () => {
  let browser: Browser;

  before(async () => {
    browser = await chromium.launch({
      ...(executablePath !== undefined && { executablePath }),
      args: ['--no-sandbox', '--disable-gpu'],
    });
  });
  after(async () => {
    await browser?.close();
  });

  /** Opens the page of a state, and fails on anything the browser complains about or asks elsewhere. */
  async function withPage(state: NodeState, run: (page: Page, driver: Driver, port: number) => Promise<void>) {
    const driver = new Driver(state);
    const port = await driver.start();
    const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('request', (request) => {
      if (new URL(request.url()).host !== `127.0.0.1:${port}`) complaints.push(`asked ${request.url()}`);
    });
    try {
      await page.goto(`http://127.0.0.1:${port}/topology`);
      await run(page, driver, port);
      assert.deepEqual(complaints, []);
    } finally {
      await page.close();
      await driver.stop();
    }
  }

  for (const { cpus, synthetic, reserved, claims } of machines) {
    it(`shows each of ${cpus} CPUs in the colour of its claim`, async () => {
      const topology = parseSynthetic(synthetic);
      await withPage(nodeState(topology, { reserved, claims }), async (page) => {
        assert.equal(await page.locator('[data-cpu]').count(), cpus);
        assert.equal(await page.evaluate(OVERFLOWING), 0);
        const [width, room] = await page.evaluate<number[]>('[document.body.scrollWidth, innerWidth]');
        assert.equal(width, room, 'the page is not wider than the window');
        const wanted = topology.online.toArray().map((cpu) => {
          const owner = claims.findIndex((claim) => CpuSet.from(cpusOf(claim)).has(cpu));
          return owner === 0 ? SKY_BLUE : owner === 1 ? ORANGE : undefined;
        });
        if (screenshots !== undefined) {
          mkdirSync(screenshots, { recursive: true });
          await page.screenshot({ path: join(screenshots, `topology-${cpus}.png`) });
        }
        // Without the digits, the middle of a box has nothing but its colour.
        await page.addStyleTag({ content: '.thread text { visibility: hidden }' });
        const seen = await readPixels(browser, page, await locateCpus(page, topology.online.toArray()));
        for (const [i, cpu] of topology.online.toArray().entries()) {
          const [want, is] = [wanted[i], seen[i]];
          if (want) assert.deepEqual(is, want, `CPU ${cpu}`);
          else assert(isGrey(is), `CPU ${cpu} is ${is?.join()}`);
        }
      });
    });
  }

  it('follows the ledger while it is open, and keeps the colours of claims that stay', async () => {
    const topology = parseSynthetic('pack:1 l3:2 core:4 pu:2');
    await withPage(nodeState(topology, { claims: [{ name: 'old', cpus: '2' }] }), async (page, driver) => {
      const fillOf = (cpu: number) =>
        page.evaluate<string>(`document.querySelector('[data-cpu="${cpu}"] > rect').style.fill`);
      assert.equal(await fillOf(2), 'rgb(86, 180, 233)');
      driver.state = nodeState(topology, {
        claims: [
          { name: 'new', cpus: '4-5' },
          { name: 'old', cpus: '2' },
        ],
      });
      await page.getByRole('button', { name: 'shop/new' }).waitFor();
      assert.equal(await fillOf(2), 'rgb(86, 180, 233)');
      assert.equal(await fillOf(4), 'rgb(230, 159, 0)');
      driver.state = nodeState(topology, { claims: [{ name: 'new', cpus: '4-5' }] });
      await page.getByRole('button', { name: 'shop/old' }).waitFor({ state: 'detached' });
      assert.equal(await fillOf(2), '');
      assert.equal(await fillOf(4), 'rgb(230, 159, 0)');
    });
  });

  it('draws the machine anew when CPUs went', async () => {
    await withPage(nodeState(parseSynthetic('pack:1 core:4 pu:2')), async (page, driver) => {
      driver.state = nodeState(parseSynthetic('pack:1 core:3 pu:2'));
      await page.locator('[data-cpu="7"]').waitFor({ state: 'detached' });
      assert.equal(await page.locator('[data-cpu]').count(), 6);
    });
  });

  it('says when the driver does not answer, and goes on when it does again', async () => {
    const state = nodeState(parseSynthetic('pack:1 core:4 pu:2'));
    await withPage(state, async (page, driver, port) => {
      await driver.stop();
      await page.getByText('no answer from the driver').waitFor();
      const again = new Driver(state, port);
      await again.start();
      try {
        await page.locator('#live:not(.lost)').waitFor();
      } finally {
        await again.stop();
      }
    });
  });

  it('lights up the CPUs of the claim that is picked, and finds claims by pod and by CPU', async () => {
    const [, middle] = machines;
    assert(middle);
    const state = nodeState(parseSynthetic(middle.synthetic), middle);
    await withPage(state, async (page) => {
      const lit = () =>
        page.evaluate<number[]>(
          "[...document.querySelectorAll('.lit')].map((box) => Number(box.dataset.cpu)).sort((a, b) => a - b)",
        );
      await page.getByRole('button', { name: 'shop/second' }).click();
      assert.deepEqual(await lit(), [8, 9, 10, 40, 41, 42]);
      await page.locator('[data-cpu="5"]').click();
      await page.mouse.move(0, 0);
      assert.deepEqual(await lit(), [4, 5, 6, 7, 36, 37, 38, 39]);
      await page.locator('[data-cpu="5"]').hover();
      assert.match(
        await page.locator('#tip').innerText(),
        /CPU 5, core 5[\s\S]*L3 1[\s\S]*claim shop\/first\nshop\/first-0\/main/,
      );
      const names = () => page.locator('#claims .name').allInnerTexts();
      await page.getByRole('searchbox').fill('first-0');
      assert.deepEqual(await names(), ['shop/first']);
      await page.getByRole('searchbox').fill('41');
      assert.deepEqual(await names(), ['shop/second']);
      await page.getByRole('searchbox').fill('nobody');
      assert.deepEqual(await names(), []);
    });
  });

  it('shows readiness and findings, and takes no name for markup', async () => {
    const evil = '<img src=x onerror=document.title=1>';
    const state: NodeState = {
      ...nodeState(parseSynthetic('pack:1 core:2 pu:1'), { claims: [{ name: evil, cpus: '1' }] }),
      conditions: [{ name: 'nri-synchronized', ok: false, reason: `connection refused ${evil}` }],
      findings: [{ check: 'reserved-cpus', severity: 'warning', message: `unlike numbers ${evil}` }],
    };
    await withPage(state, async (page) => {
      assert.equal(await page.locator('#conditions li').innerText(), `nri-synchronized: connection refused ${evil}`);
      assert.equal(await page.locator('#findings li').innerText(), `unlike numbers ${evil}`);
      assert.equal(await page.locator('#claims .name').innerText(), `shop/${evil}`);
      assert.equal(await page.locator('img').count(), 0);
      assert.equal(await page.title(), 'CPUs of worker');
    });
  });

  it('fits a narrow window', async () => {
    const [, middle] = machines;
    assert(middle);
    await withPage(nodeState(parseSynthetic(middle.synthetic), middle), async (page) => {
      await page.setViewportSize({ width: 480, height: 800 });
      const [width, room] = await page.evaluate<number[]>('[document.body.scrollWidth, innerWidth]');
      assert.equal(width, room);
      assert(await page.getByRole('button', { name: 'shop/first' }).isVisible());
    });
  });

  it('counts CPUs of a ledger that is full', async () => {
    const topology = parseSynthetic('pack:1 core:2 pu:1');
    const ledger = new Ledger({ allocatable: CpuSet.of(1), reserved: CpuSet.of(0) });
    ledger.reserve({ uid: 'u', namespace: 'shop', name: 'all', cpus: CpuSet.of(1), assignments: [] });
    await withPage({ ...nodeState(topology), ledger }, async (page) => {
      assert.deepEqual(
        (await page.locator('#counts li:visible').allInnerTexts()).map((text) => text.trim()),
        ['1 held by claims', '0 free', '1 reserved'],
      );
      await page.getByText('Containers without a claim').click();
      assert.equal(await page.locator('#shared-pool').innerText(), '0');
    });
  });
});

function cpusOf({ cpus }: StateClaim): number[] {
  return cpus.split(',').flatMap((part) => {
    const [first = 0, last = first] = part.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

/** White, and the stripes of reserved CPUs: bluish greys at most. */
function isGrey(colour: readonly number[] | undefined): boolean {
  return colour !== undefined && Math.max(...colour) - Math.min(...colour) < 40 && Math.min(...colour) > 150;
}
