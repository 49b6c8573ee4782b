const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const LABEL_PATTERN = new RegExp(`^${LABEL}$`);
const SUBDOMAIN_PATTERN = new RegExp(`^${LABEL}(\\.${LABEL})*$`);

/** Longest DNS label and subdomain (RFC 1123 as Kubernetes applies it). */
const LABEL_LENGTH_MAX = 63;
export const SUBDOMAIN_LENGTH_MAX = 253;

/** Whether a text is a DNS label. */
export function isDnsLabel(text: string): boolean {
  return text.length <= LABEL_LENGTH_MAX && LABEL_PATTERN.test(text);
}

/** Whether a text is a DNS subdomain no longer than `lengthMax`. */
export function isDnsSubdomain(text: string, lengthMax = SUBDOMAIN_LENGTH_MAX): boolean {
  return text.length <= lengthMax && SUBDOMAIN_PATTERN.test(text);
}
