import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { Client, credentials } from '@grpc/grpc-js';
import { DRAPluginDefinition as DraPluginV1 } from '../../gen/kubelet/dra-v1.ts';
import { DRAPluginDefinition as DraPluginV1beta1 } from '../../gen/kubelet/dra-v1beta1.ts';
import { RegistrationDefinition } from '../../gen/kubelet/pluginregistration-v1.ts';
import { toGrpcMethods } from '../../lib/grpc-methods.ts';
import { silentLog } from '../../lib/log.ts';
import type { ClaimHandler } from '../claim-handler.ts';
import { KubeletPlugin, type KubeletPluginOptions } from '../kubelet-plugin.ts';
import { chooseSocketPaths, type SocketPaths } from '../../sockets/socket-paths.ts';

export const REGISTRATION = toGrpcMethods(RegistrationDefinition);
export const DRA_V1 = toGrpcMethods(DraPluginV1);
export const DRA_V1BETA1 = toGrpcMethods(DraPluginV1beta1);
export const TIMEOUT_MS = 5_000;

/** Prepares every claim with one device of the same name. */
export const obligingHandler: ClaimHandler = {
  prepare: async (claims) =>
    claims.map(({ uid, name }) => ({
      uid,
      devices: [
        {
          requestNames: ['cpus'],
          poolName: 'node-a',
          deviceName: name,
          cdiDeviceIds: [`dra.k8s.io/cpu=claim-${uid}`],
          shareId: 'share-1',
        },
      ],
    })),
  unprepare: async (claims) => claims.map(({ uid }) => ({ uid })),
};

/** A directory of its own for a test, removed with it; short, for socket paths. `stop` runs before, for what listens there. */
export async function temporaryRoot(context: TestContext, stop?: () => Promise<void>): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'kp-'));
  context.after(async () => {
    await stop?.();
    await rm(root, { recursive: true, force: true });
  });
  return root;
}

/** A client of a socket, closed with the test. */
export function connectTo(context: TestContext, path: string): Client {
  const client = new Client(`unix://${path}`, credentials.createInsecure());
  context.after(() => client.close());
  return client;
}

/** A started plugin, stopped with the test. */
export async function startPlugin(
  context: TestContext,
  options: Partial<KubeletPluginOptions> = {},
): Promise<{ plugin: KubeletPlugin; paths: SocketPaths; root: string }> {
  const root = await temporaryRoot(context, () => plugin.stop());
  const paths = chooseSocketPaths({ kubeletRoot: root, driverName: 'dra.cpu' });
  const plugin: KubeletPlugin = new KubeletPlugin({
    driverName: 'dra.cpu',
    registrationSocketPath: paths.registration,
    endpointSocketPath: paths.endpoint,
    handler: obligingHandler,
    onRegistration: () => {},
    log: silentLog,
    ...options,
  });
  await plugin.start();
  return { plugin, paths, root };
}
