import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, credentials } from '@grpc/grpc-js';
import { DRAPluginDefinition as DraV1 } from '../../../src/gen/kubelet/dra-v1.ts';
import { DRAPluginDefinition as DraV1beta1 } from '../../../src/gen/kubelet/dra-v1beta1.ts';
import { RegistrationDefinition } from '../../../src/gen/kubelet/pluginregistration-v1.ts';
import { callUnary } from '../../../src/lib/grpc-call.ts';
import { toGrpcMethods } from '../../../src/lib/grpc-methods.ts';
import type { FairClock } from './fair-clock.ts';

const REGISTRATION = toGrpcMethods(RegistrationDefinition);
const VERSIONS = { v1: toGrpcMethods(DraV1), v1beta1: toGrpcMethods(DraV1beta1) } as const;

/** A claim as the kubelet names it. */
export interface ClaimName {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
}

/** The driver's answer for one claim. */
export type ClaimAnswer =
  | { readonly ok: true; readonly cdiDevices: readonly string[] }
  /** `isAnswered` is false when the call itself failed: what became of the claim is not known. */
  | { readonly ok: false; readonly error: string; readonly isAnswered: boolean };

/** How the calls are made. */
export interface CallStyle {
  readonly version?: keyof typeof VERSIONS;
  readonly timeoutMs?: number;
}

const CALL_TIMEOUT_MS = 20_000;
const POLL_MS = 10;

function openClient(path: string): Client {
  return new Client(`unix://${path}`, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
    'grpc.max_receive_message_length': -1,
    'grpc.max_send_message_length': -1,
  });
}

function errorOf(error: unknown): ClaimAnswer {
  return { ok: false, error: error instanceof Error ? error.message : String(error), isAnswered: false };
}

/** A kubelet of the suite's own: finds drivers by their registration sockets and calls the one that came last. */
export class HostileKubelet {
  readonly #registry: string;
  readonly #clock: FairClock;
  readonly #clients = new Map<string, Client>();
  readonly #known = new Set<string>();
  #endpoint: string | undefined;

  constructor(kubeletRoot: string, clock: FairClock) {
    this.#clock = clock;
    this.#registry = join(kubeletRoot, 'plugins_registry');
  }

  /** Where the driver that came last serves. */
  get endpoint(): string | undefined {
    return this.#endpoint;
  }

  /** Waits for a registration socket that is new, and registers the driver behind it. False when none came in time. */
  async waitForDriver(timeoutMs: number): Promise<boolean> {
    const endMs = this.#clock.nowMs + timeoutMs;
    while (this.#clock.nowMs < endMs) {
      for (const path of this.#newSockets()) {
        if (await this.#register(path)) return true;
      }
      await sleep(POLL_MS);
    }
    return false;
  }

  prepare(claims: readonly ClaimName[], style: CallStyle = {}): Promise<Map<string, ClaimAnswer>> {
    return this.prepareAt(this.#endpoint, claims, style);
  }

  /** The same at some driver's socket. */
  async prepareAt(
    endpoint: string | undefined,
    claims: readonly ClaimName[],
    { version = 'v1', timeoutMs = CALL_TIMEOUT_MS }: CallStyle = {},
  ): Promise<Map<string, ClaimAnswer>> {
    try {
      const call = { request: { claims: [...claims] }, timeoutMs };
      const answer = await callUnary(this.#client(endpoint), VERSIONS[version].nodePrepareResources, call);
      const entries = Object.entries(answer.claims).map(([uid, { error, devices }]): [string, ClaimAnswer] => [
        uid,
        error === ''
          ? { ok: true, cdiDevices: [...new Set(devices.flatMap(({ cdiDeviceIds }) => cdiDeviceIds))] }
          : { ok: false, error, isAnswered: true },
      ]);
      return new Map(entries);
    } catch (error) {
      return new Map(claims.map(({ uid }) => [uid, errorOf(error)]));
    }
  }

  async unprepare(
    claims: readonly ClaimName[],
    { version = 'v1', timeoutMs = CALL_TIMEOUT_MS }: CallStyle = {},
  ): Promise<Map<string, ClaimAnswer>> {
    try {
      const call = { request: { claims: [...claims] }, timeoutMs };
      const answer = await callUnary(this.#client(this.#endpoint), VERSIONS[version].nodeUnprepareResources, call);
      const entries = Object.entries(answer.claims).map(([uid, { error }]): [string, ClaimAnswer] => [
        uid,
        error === '' ? { ok: true, cdiDevices: [] } : { ok: false, error, isAnswered: true },
      ]);
      return new Map(entries);
    } catch (error) {
      return new Map(claims.map(({ uid }) => [uid, errorOf(error)]));
    }
  }

  stop(): void {
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }

  /** A socket file that replaced another is a new one. */
  #newSockets(): string[] {
    try {
      return readdirSync(this.#registry)
        .filter((name) => name.startsWith('dra.cpu') && name.endsWith('.sock'))
        .map((name) => join(this.#registry, name))
        .filter((path) => !this.#known.has(this.#identify(path)));
    } catch {
      return [];
    }
  }

  #identify(path: string): string {
    try {
      const { ino, ctimeMs } = statSync(path);
      return `${path} ${ino} ${ctimeMs}`;
    } catch {
      return path;
    }
  }

  async #register(path: string): Promise<boolean> {
    const client = openClient(path);
    try {
      const identity = this.#identify(path);
      const info = await callUnary(client, REGISTRATION.getInfo, { request: {}, timeoutMs: 1_000 });
      const verdict = { pluginRegistered: true, error: '' };
      await callUnary(client, REGISTRATION.notifyRegistrationStatus, { request: verdict, timeoutMs: 1_000 });
      this.#known.add(identity);
      this.#endpoint = info.endpoint;
      // A connection to a driver that is gone would wait before it dials again.
      this.#clients.get(info.endpoint)?.close();
      this.#clients.delete(info.endpoint);
      return true;
    } catch {
      return false;
    } finally {
      client.close();
    }
  }

  #client(endpoint = '/nowhere'): Client {
    const client = this.#clients.get(endpoint) ?? openClient(endpoint);
    this.#clients.set(endpoint, client);
    return client;
  }
}
