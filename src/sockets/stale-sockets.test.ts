import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { silentLog } from '../lib/log.ts';
import { endpointName, registrationNames } from './socket-paths.ts';
import { removeStaleSockets } from './stale-sockets.ts';

const driverName = 'dra.cpu';
const OWN_UID = randomUUID();

/** A kubelet's directories, and sockets in them. */
class Fixture {
  readonly #registry: string;
  readonly #plugin: string;
  readonly #servers: Server[] = [];

  private constructor(root: string) {
    this.#registry = join(root, 'plugins_registry');
    this.#plugin = join(root, 'plugins', driverName);
  }

  static async create(context: TestContext): Promise<Fixture> {
    const root = await mkdtemp(join(tmpdir(), 'st-'));
    const fixture = new Fixture(root);
    await Promise.all([mkdir(fixture.#registry), mkdir(fixture.#plugin, { recursive: true })]);
    context.after(async () => {
      for (const server of fixture.#servers) server.close();
      await rm(root, { recursive: true });
    });
    return fixture;
  }

  registry(name: string): string {
    return join(this.#registry, name);
  }

  plugin(name: string): string {
    return join(this.#plugin, name);
  }

  /** A socket on which a process answers. */
  async live(path: string): Promise<string> {
    const server = createServer().listen(`${path}.live`);
    await once(server, 'listening');
    await rename(`${path}.live`, path);
    this.#servers.push(server);
    return path;
  }

  /** A socket as a killed process leaves it. */
  async stale(path: string): Promise<string> {
    await this.live(path);
    this.#servers.pop()?.close();
    return path;
  }

  remove(): Promise<string[]> {
    const paths = {
      registration: this.registry(`${driverName}-${OWN_UID}-reg.sock`),
      endpoint: this.plugin(endpointName(OWN_UID)),
    };
    return removeStaleSockets({ driverName, paths, log: silentLog, startGraceMs: 20 });
  }
}

test('C12 removeStaleSockets: sockets of killed pods go, under every name that the Go helper uses', async (t) => {
  const fixture = await Fixture.create(t);
  const staleUids = Array.from({ length: 3 }, () => randomUUID() as string);
  const stale: string[] = [];
  for (const [index, uid] of staleUids.entries()) {
    const name = registrationNames(driverName, uid)[index] ?? '';
    stale.push(await fixture.stale(fixture.registry(name)), await fixture.stale(fixture.plugin(endpointName(uid))));
  }
  // Of an installation whose pods do not know their UIDs, and of a pod whose endpoint is gone.
  stale.push(await fixture.stale(fixture.registry(`${driverName}-reg.sock`)));
  stale.push(await fixture.stale(fixture.plugin('dra.sock')));
  stale.push(await fixture.stale(fixture.registry(`${driverName}-${randomUUID()}-reg.sock`)));
  stale.push(await fixture.stale(fixture.registry(`${driverName}-${'0a'.repeat(16)}-reg.sock`)));
  assert.deepEqual((await fixture.remove()).sort(), stale.toSorted());
  assert.ok(!stale.some((path) => existsSync(path)));
});

test('C12 removeStaleSockets: what answers, its own, and what is not its own stays', async (t) => {
  const fixture = await Fixture.create(t);
  const uid = randomUUID();
  const digestOfOther = registrationNames('gpu.example.com', uid)[2] ?? '';
  const kept = [
    await fixture.live(fixture.registry(`${driverName}-${randomUUID()}-reg.sock`)),
    await fixture.live(fixture.plugin(endpointName(randomUUID()))),
    await fixture.stale(fixture.registry(`${driverName}-${OWN_UID}-reg.sock`)),
    await fixture.stale(fixture.plugin(endpointName(OWN_UID))),
    await fixture.stale(fixture.plugin('holder.sock')),
    ...(await Promise.all(
      [
        `gpu.example.com-${uid}-reg.sock`,
        'gpu.example.com-reg.sock',
        digestOfOther,
        'dra.cpu-foo-reg.sock',
        `dra.cpu-foo-${uid}-reg.sock`,
        'dra.cpu-hello-world-reg.sock',
        `xdra.cpu-${uid}-reg.sock`,
        `dra.cpu-${uid}-reg.sock.old`,
      ].map((name) => fixture.stale(fixture.registry(name))),
    )),
  ];
  assert.deepEqual(await fixture.remove(), []);
  assert.deepEqual(
    kept.filter((path) => !existsSync(path)),
    [],
  );
});

test('C12 removeStaleSockets: a regular file, a directory and a link are never removed', async (t) => {
  const fixture = await Fixture.create(t);
  const [file, directory, link] = [randomUUID(), randomUUID(), randomUUID()].map((uid) =>
    fixture.plugin(endpointName(uid)),
  ) as [string, string, string];
  await writeFile(file, '');
  await mkdir(directory);
  const target = await fixture.stale(fixture.registry('other.example.com-reg.sock'));
  await symlink(target, link);
  assert.deepEqual(await fixture.remove(), []);
  for (const path of [file, directory, link, target]) assert.ok(existsSync(path), path);
});

test('C12 removeStaleSockets: a socket that is replaced while the driver looks stays', async (t) => {
  const fixture = await Fixture.create(t);
  const path = await fixture.stale(fixture.plugin('dra.sock'));
  const other = await fixture.stale(fixture.plugin(endpointName(randomUUID())));
  const removal = fixture.remove();
  await fixture.live(path);
  assert.deepEqual(await removal, [other]);
  assert.ok(existsSync(path));
});

test('removeStaleSockets does nothing where the directories are missing', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'st-'));
  t.after(() => rm(root, { recursive: true }));
  const paths = { registration: join(root, 'a/r.sock'), endpoint: join(root, 'b/e.sock') };
  assert.deepEqual(await removeStaleSockets({ driverName, paths, log: silentLog }), []);
});
