/** A text that configuration holds itself, or a file whose content may change while the program runs. */
export type Material = { readonly text: string } | { readonly path: string };

/** A command that prints credentials (client.authentication.k8s.io ExecConfig). */
export interface ExecSettings {
  readonly command: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly apiVersion: string;
  readonly installHint?: string;
}

/** Everything that a connection to an API server is made of. */
export interface ConnectionSettings {
  /** Base URL; requests are made below its path. */
  readonly server: URL;
  /** Certificates of the authorities to trust, PEM; the system's when absent. */
  readonly authority?: Material;
  readonly clientCertificate?: Material;
  readonly clientKey?: Material;
  /** Bearer token. */
  readonly token?: Material;
  readonly exec?: ExecSettings;
  readonly skipTlsVerify: boolean;
  /** The name that the server's certificate must carry, when it is not the host of `server`. */
  readonly tlsServerName?: string;
}
