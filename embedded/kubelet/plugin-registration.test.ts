import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerHttp2Stream } from 'node:http2';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { startPlugin } from '../../src/kubelet/testing/plugin-fixture.ts';
import { KubeletFault } from './kubelet-fault.ts';
import { registerPlugin } from './plugin-registration.ts';

test('registerPlugin tells a driver that it was accepted', async (t) => {
  const verdicts: object[] = [];
  const { paths } = await startPlugin(t, { onRegistration: (verdict) => verdicts.push(verdict) });
  const info = await registerPlugin(paths.registration, (offered) => offered);
  assert.deepEqual(info.supportedVersions, ['v1.DRAPlugin', 'v1beta1.DRAPlugin']);
  assert.equal(info.endpoint, paths.endpoint);
  assert.deepEqual(verdicts, [{ registered: true }]);
});

test('R12: registerPlugin tells a driver why it was refused', async (t) => {
  const verdicts: object[] = [];
  const { paths } = await startPlugin(t, {
    driverName: 'Not_A_Name',
    onRegistration: (verdict) => verdicts.push(verdict),
  });
  const isRefusal = (error: unknown) => error instanceof KubeletFault && error.code === 'RegistrationRefused';
  await assert.rejects(
    registerPlugin(paths.registration, () => undefined),
    isRefusal,
  );
  const error = 'plugin validation failed with err: driver name "Not_A_Name" is no DNS subdomain';
  assert.deepEqual(verdicts, [{ registered: false, error }]);
});

async function listen(t: TestContext, onAuthority: (authority: string | undefined) => void): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'kr-'));
  const server = createServer();
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    onAuthority(headers[':authority']);
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '12' }, { endStream: true });
  });
  const path = join(directory, 'reg.sock');
  server.listen(path);
  await once(server, 'listening');
  t.after(async () => {
    server.close();
    await rm(directory, { recursive: true });
  });
  return path;
}

test("registerPlugin sends the socket's path as :authority, as grpc-go does", async (t) => {
  const authorities: (string | undefined)[] = [];
  const path = await listen(t, (authority) => authorities.push(authority));
  await assert.rejects(
    registerPlugin(path, () => undefined),
    /UNIMPLEMENTED/,
  );
  assert.deepEqual(authorities, [encodeURIComponent(path)]);
});
