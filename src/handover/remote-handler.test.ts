import assert from 'node:assert/strict';
import test from 'node:test';
import { KubeletPlugin } from '../kubelet/kubelet-plugin.ts';
import { RemoteClaimHandler } from './remote-handler.ts';
import { chooseSocketPaths } from '../sockets/socket-paths.ts';
import { silentLog } from '../lib/log.ts';
import { obligingHandler, temporaryRoot } from '../kubelet/testing/plugin-fixture.ts';

const CLAIMS = ['a', 'b'].map((name) => ({ uid: `uid-${name}`, namespace: 'shop', name }));

test('RemoteClaimHandler answers as the other driver does, also one that only starts later', async (t) => {
  const root = await temporaryRoot(t, async () => {
    remote.close();
    await plugin.stop();
  });
  const paths = chooseSocketPaths({ kubeletRoot: root, driverName: 'dra.cpu' });
  const remote = new RemoteClaimHandler(paths.endpoint);
  const early = remote.prepare(CLAIMS);
  const plugin = new KubeletPlugin({
    driverName: 'dra.cpu',
    registrationSocketPath: paths.registration,
    endpointSocketPath: paths.endpoint,
    handler: { ...obligingHandler, unprepare: async () => [{ uid: 'uid-a' }, { uid: 'uid-b', error: 'disk full' }] },
    onRegistration: () => {},
    log: silentLog,
  });
  await plugin.start();
  assert.deepEqual(await early, await obligingHandler.prepare(CLAIMS));
  assert.deepEqual(await remote.unprepare(CLAIMS), [{ uid: 'uid-a' }, { uid: 'uid-b', error: 'disk full' }]);
});
