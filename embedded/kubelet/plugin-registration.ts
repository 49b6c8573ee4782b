import { Client, credentials } from '@grpc/grpc-js';
import { type PluginInfo, RegistrationDefinition } from '../../src/gen/kubelet/pluginregistration-v1.ts';
import { callUnary } from '../../src/lib/grpc-call.ts';
import { toGrpcMethods } from '../../src/lib/grpc-methods.ts';
import { errorText } from '../../src/lib/log.ts';
import { KubeletFault } from './kubelet-fault.ts';

const REGISTRATION = toGrpcMethods(RegistrationDefinition);
/** As the kubelet's plugin manager has it (1.37). */
const CALL_TIMEOUT_MS = 5_000;
const PLUGIN_TYPE = 'DRAPlugin';

function checkInfo({ type, name, endpoint }: PluginInfo): void {
  const refuse = (why: string) => new KubeletFault('RegistrationRefused', why);
  if (type !== PLUGIN_TYPE) throw refuse(`no handler registered for plugin type ${JSON.stringify(type)}`);
  if (!/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(name)) {
    throw refuse(`driver name ${JSON.stringify(name)} is no DNS subdomain`);
  }
  if (endpoint === '') throw refuse('the endpoint is empty');
}

/**
 * Meets a driver on its registration socket: asks what it is, lets `accept` take it and tells the verdict. The kubelet dials
 * this socket by its bare path, for which grpc-go sends the percent-encoded path as :authority.
 * @throws KubeletFault `RegistrationRefused`, or the ServiceError of grpc-js when the driver does not answer.
 */
export async function registerPlugin<T>(socketPath: string, accept: (info: PluginInfo) => T): Promise<T> {
  const client = new Client(`unix://${socketPath}`, credentials.createInsecure(), {
    'grpc.default_authority': encodeURIComponent(socketPath),
    'grpc.use_local_subchannel_pool': 1,
  });
  const tell = (pluginRegistered: boolean, error: string) =>
    callUnary(client, REGISTRATION.notifyRegistrationStatus, {
      request: { pluginRegistered, error },
      timeoutMs: CALL_TIMEOUT_MS,
    });
  try {
    const info = await callUnary(client, REGISTRATION.getInfo, { request: {}, timeoutMs: CALL_TIMEOUT_MS });
    try {
      checkInfo(info);
      const accepted = accept(info);
      await tell(true, '');
      return accepted;
    } catch (error) {
      if (error instanceof KubeletFault) await tell(false, `plugin validation failed with err: ${errorText(error)}`);
      throw error;
    }
  } finally {
    client.close();
  }
}
