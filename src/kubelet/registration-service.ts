import type { handleUnaryCall } from '@grpc/grpc-js';
import type {
  InfoRequest,
  PluginInfo,
  RegistrationStatus,
  RegistrationStatusResponse,
} from '../gen/kubelet/pluginregistration-v1.ts';

/** What the kubelet said of the driver's registration. */
export type RegistrationVerdict =
  | { readonly registered: true }
  /** `error` is the kubelet's own text. */
  | { readonly registered: false; readonly error: string };

/** What the driver tells of itself. */
export interface PluginIdentity {
  readonly driverName: string;
  /** Path of the socket with the DRA services. */
  readonly endpoint: string;
  /** Names of the gRPC services there, such as "v1.DRAPlugin". */
  readonly services: readonly string[];
}

/** The type under which the kubelet's plugin manager files DRA drivers (pluginregistration/v1). */
const PLUGIN_TYPE = 'DRAPlugin';

/** The registration service in the form grpc-js takes. */
export type RegistrationService = {
  getInfo: handleUnaryCall<InfoRequest, PluginInfo>;
  notifyRegistrationStatus: handleUnaryCall<RegistrationStatus, RegistrationStatusResponse>;
};

/** The registration service: tells the kubelet who we are and passes its verdict on. */
export function createRegistrationService(
  identity: PluginIdentity,
  onVerdict: (verdict: RegistrationVerdict) => void,
): RegistrationService {
  return {
    getInfo(_call, respond) {
      respond(null, {
        type: PLUGIN_TYPE,
        name: identity.driverName,
        endpoint: identity.endpoint,
        supportedVersions: [...identity.services],
      });
    },
    notifyRegistrationStatus({ request }, respond) {
      onVerdict(request.pluginRegistered ? { registered: true } : { registered: false, error: request.error });
      respond(null, {});
    },
  };
}
