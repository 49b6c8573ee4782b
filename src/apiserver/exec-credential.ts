import { execFile } from 'node:child_process';
import { errorText } from '../lib/log.ts';
import { ApiConnectionError } from './connection-error.ts';
import type { ExecSettings } from './connection-settings.ts';

/** What a credential command printed (client.authentication.k8s.io ExecCredential, status). */
export interface ExecCredential {
  readonly token?: string;
  readonly clientCertificate?: string;
  readonly clientKey?: string;
  /** Milliseconds since 1970; undefined: until the server refuses it. */
  readonly expiresAtMs?: number;
}

/** Signing in may take a while, but nobody is there to answer a question. */
const COMMAND_TIMEOUT_MS = 60_000;
const OUTPUT_BYTES_MAX = 1024 * 1024;

async function runCommand(settings: ExecSettings, environment: NodeJS.ProcessEnv): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const info = JSON.stringify({
    kind: 'ExecCredential',
    apiVersion: settings.apiVersion,
    spec: { interactive: false },
  });
  const options = {
    env: { ...environment, ...settings.environment, KUBERNETES_EXEC_INFO: info },
    timeout: COMMAND_TIMEOUT_MS,
    maxBuffer: OUTPUT_BYTES_MAX,
  };
  execFile(settings.command, [...settings.args], options, (error, stdout) => {
    if (error === null) resolve(stdout);
    else reject(error);
  });
  return promise;
}

function parseCredential(output: string): ExecCredential {
  const { status = {} } = JSON.parse(output) as { status?: Record<string, unknown> };
  const text = (name: string) => (typeof status[name] === 'string' && status[name] !== '' ? status[name] : undefined);
  const token = text('token');
  const clientCertificate = text('clientCertificateData');
  const clientKey = text('clientKeyData');
  const expiresAtMs = Date.parse(text('expirationTimestamp') ?? '');
  return {
    ...(token === undefined ? {} : { token }),
    ...(clientCertificate === undefined ? {} : { clientCertificate }),
    ...(clientKey === undefined ? {} : { clientKey }),
    ...(Number.isNaN(expiresAtMs) ? {} : { expiresAtMs }),
  };
}

/**
 * Runs the command of a kubeconfig's `exec` entry and reads the credential it prints.
 * @throws ApiConnectionError CredentialsUnreadable when it fails, prints something else, or prints no credential.
 */
export async function runExecCredential(
  settings: ExecSettings,
  environment: NodeJS.ProcessEnv,
): Promise<ExecCredential> {
  const action = `Cannot get credentials from command "${settings.command}"`;
  const hint = settings.installHint === undefined ? '' : `; ${settings.installHint}`;
  let credential: ExecCredential;
  try {
    credential = parseCredential(await runCommand(settings, environment));
  } catch (error) {
    throw new ApiConnectionError('CredentialsUnreadable', `${action}: ${errorText(error)}${hint}`, { cause: error });
  }
  if (credential.token === undefined && credential.clientCertificate === undefined) {
    const why = 'its ExecCredential holds neither token nor clientCertificateData';
    throw new ApiConnectionError('CredentialsUnreadable', `${action}: ${why}${hint}`);
  }
  return credential;
}
