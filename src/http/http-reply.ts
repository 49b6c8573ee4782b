/** An answer to a request. */
export interface HttpReply {
  readonly status: number;
  readonly contentType: string;
  /** Encoded once; connections share it and never change it. */
  readonly body: Uint8Array;
  /** The methods that the path takes, for an answer that refuses another one. */
  readonly allow?: string;
}

/** How an answer is sent. */
export interface ReplyOptions {
  /** Whether the server takes another request on the connection. */
  readonly keepsAlive: boolean;
  /** Leaves out the body, for HEAD. */
  readonly isHeadOnly: boolean;
}

const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  400: 'Bad Request',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  413: 'Content Too Large',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
  505: 'HTTP Version Not Supported',
};

/** Text as an answer. */
export function textReply(status: number, text: string): HttpReply {
  return { status, contentType: 'text/plain; charset=utf-8', body: Buffer.from(text) };
}

/** The answer as it is sent, in HTTP/1.1 (RFC 9112): its head, and its body where it has one. */
export function encodeReply(reply: HttpReply, { keepsAlive, isHeadOnly }: ReplyOptions): readonly Uint8Array[] {
  const { status, contentType, body, allow } = reply;
  const lines = [
    `HTTP/1.1 ${status} ${REASONS[status] ?? ''}`,
    `Date: ${new Date().toUTCString()}`,
    `Content-Type: ${contentType}`,
    `Content-Length: ${body.length}`,
    'Cache-Control: no-store',
    'X-Content-Type-Options: nosniff',
    ...(allow === undefined ? [] : [`Allow: ${allow}`]),
    `Connection: ${keepsAlive ? 'keep-alive' : 'close'}`,
  ];
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`);
  return isHeadOnly || body.length === 0 ? [head] : [head, body];
}
