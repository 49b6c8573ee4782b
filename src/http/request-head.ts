/** The head of a request, as far as a server of fixed pages needs it. */
export interface RequestHead {
  readonly method: string;
  /** Path and query as they were sent. */
  readonly target: string;
  /** Whether the client takes another answer on the connection. */
  readonly keepsAlive: boolean;
  /** Whether a body follows. None is ever read. */
  readonly hasBody: boolean;
}

/** What the bytes received so far are. */
export type ParsedHead =
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'refused'; readonly status: 400 | 431 | 505; readonly reason: string }
  | { readonly kind: 'complete'; readonly head: RequestHead; readonly lengthBytes: number };

/** The longest head that is read, in bytes; browsers and scrapers need less than 2 KiB. */
export const HEAD_LENGTH_MAX_BYTES = 8_192;

const END = '\r\n\r\n';
const REQUEST_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([!-~]+) HTTP\/(\d)\.(\d)$/;
/** A field name, a colon, and a value without control characters (RFC 9112, section 5); folded lines are obsolete. */
const FIELD_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t -~\u0080-\u00ff]*)$/;

function refuse(status: 400 | 431 | 505, reason: string): ParsedHead {
  return { kind: 'refused', status, reason };
}

/** The fields by lower-case name, several values of one joined; undefined when a line is not a field. */
function parseFields(lines: readonly string[]): Map<string, string> | undefined {
  const fields = new Map<string, string>();
  for (const line of lines) {
    const [, name, value = ''] = FIELD_LINE.exec(line) ?? [];
    if (name === undefined) return undefined;
    const key = name.toLowerCase();
    const before = fields.get(key);
    fields.set(key, before === undefined ? value.trim() : `${before}, ${value.trim()}`);
  }
  return fields;
}

function keepsAlive(minor: string, connection: string): boolean {
  const options = connection.toLowerCase().split(/[ \t]*,[ \t]*/);
  return minor !== '0' && !options.includes('close');
}

/**
 * Reads the head of a request from the bytes received so far, which begin with it. It reads one head and never what comes after:
 * Node's own parser reads every request of a chunk before a server can stop it, 3,000 of them in 64 KiB.
 */
export function parseRequestHead(bytes: Buffer): ParsedHead {
  const end = bytes.subarray(0, HEAD_LENGTH_MAX_BYTES).indexOf(END);
  if (end < 0) {
    if (bytes.length < HEAD_LENGTH_MAX_BYTES) return { kind: 'incomplete' };
    return refuse(431, `a request head has at most ${HEAD_LENGTH_MAX_BYTES} bytes`);
  }
  const [first = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n');
  const [, method, target, major, minor = ''] = REQUEST_LINE.exec(first) ?? [];
  if (method === undefined || target === undefined) return refuse(400, 'invalid request line');
  if (major !== '1') return refuse(505, 'only HTTP/1.1 is served');
  const fields = parseFields(lines);
  if (!fields) return refuse(400, 'invalid header field');
  if (minor !== '0' && !fields.has('host')) return refuse(400, 'no Host header field');
  const length = fields.get('content-length') ?? '0';
  return {
    kind: 'complete',
    head: {
      method,
      target,
      keepsAlive: keepsAlive(minor, fields.get('connection') ?? ''),
      hasBody: fields.has('transfer-encoding') || !/^0+$/.test(length),
    },
    lengthBytes: end + END.length,
  };
}
