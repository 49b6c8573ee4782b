/** DNS label or subdomain as Kubernetes names objects (RFC 1123): nothing that leads out of a folder. */
const DNS_NAME = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;

/** Whether a name from outside may be part of a file's name. */
export function isSafeName(name: string): boolean {
  return DNS_NAME.test(name) && !name.includes('..');
}
