import type { IncomingMessage } from 'node:http';
import { parse } from 'yaml';
import { errorText } from '../../../src/lib/log.ts';
import { readProtobufObject } from './protobuf-body.ts';
import { badRequest, StatusError } from '../status-error.ts';

/** Largest request body in bytes (apiserver MaxRequestBodyBytes). */
const BODY_LENGTH_MAX = 3 * 1024 * 1024;

async function readBytes(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let lengthBytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    lengthBytes += chunk.length;
    if (lengthBytes > BODY_LENGTH_MAX) {
      throw new StatusError('RequestEntityTooLarge', `Request entity too large: limit is ${BODY_LENGTH_MAX}`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The media type of a request's body, without parameters. */
export function mediaType(request: IncomingMessage): string {
  return (request.headers['content-type'] ?? 'application/json').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

/**
 * Reads a JSON or YAML body, or the little protobuf that kubectl sends; undefined when there is none.
 * @throws StatusError UnsupportedMediaType, RequestEntityTooLarge or BadRequest.
 */
export async function readBody(request: IncomingMessage): Promise<unknown> {
  const type = mediaType(request);
  const isYaml = type.endsWith('yaml');
  const bytes = await readBytes(request);
  if (type === 'application/vnd.kubernetes.protobuf') return readProtobufObject(bytes);
  if (!isYaml && !type.endsWith('json')) {
    const supported = 'application/json, application/yaml';
    throw new StatusError(
      'UnsupportedMediaType',
      `the body of the request was in an unknown format - accepted media types include: ${supported}`,
    );
  }
  const text = bytes.toString('utf8');
  if (text.trim() === '') return undefined;
  try {
    return isYaml && !text.trimStart().startsWith('{') ? (parse(text) as unknown) : (JSON.parse(text) as unknown);
  } catch (error) {
    throw badRequest(`Cannot read the body of the request: ${errorText(error)}`);
  }
}
