// One request to the admin listener: reads a small JSON body, writes an answer or a problem.

import { STATUS_CODES } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Problem } from './problem.ts'

/** Most bodies of this listener need no more than a word. */
const usualBodyBytesMax = 4_096

const notJson = new Problem('unsupported-media-type', 'send the body as application/json in UTF-8, without an encoding')
const badJson = new Problem('malformed', 'the body is not well-formed JSON')

/** The parsed body, or why there is none. Rejects where the peer goes away. */
export async function readJson (request: IncomingMessage, bodyBytesMax = usualBodyBytesMax): Promise<unknown> {
  const tooLarge = new Problem('too-large', `a body has at most ${bodyBytesMax} bytes here`)
  const { 'content-type': type = '', 'content-encoding': encoding = 'identity', 'content-length': length = '0' } = request.headers
  if (!/^application\/json *(;|$)/i.test(type) || encoding.toLowerCase() !== 'identity') return notJson
  if (Number(length) > bodyBytesMax) return tooLarge
  const body = await readBody(request, bodyBytesMax)
  if (body === undefined) return tooLarge
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) as unknown
  } catch {
    return badJson
  }
}

/** Undefined where it is longer than it may be; the rest of it is not read then. */
function readBody (request: IncomingMessage, bodyBytesMax: number): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes <= bodyBytesMax) return void chunks.push(chunk)
      request.pause()
      resolve(undefined)
    })
    request.on('end', () => { resolve(Buffer.concat(chunks)) })
    request.on('error', reject)
    request.on('close', () => { reject(new Error('the peer went away')) })
  })
}

/** Writes the answer: a problem, or anything else as JSON. */
export function send (request: IncomingMessage, response: ServerResponse, answer: unknown): void {
  const problem = answer instanceof Problem ? answer : undefined
  const body = problem?.text ?? `${JSON.stringify(answer)}\n`
  // A body that came along and is not read ends the connection.
  if (!request.complete) response.setHeader('connection', 'close')
  response.writeHead(problem?.status ?? 200, {
    'content-type': problem === undefined ? 'application/json' : 'application/problem+json',
    'content-length': Buffer.byteLength(body), 'cache-control': 'no-store', 'x-content-type-options': 'nosniff',
    ...problem?.headers
  })
  response.end(request.method === 'HEAD' ? undefined : body)
}

const parserProblems: Readonly<Record<string, Problem>> = {
  HPE_HEADER_OVERFLOW: new Problem('headers-too-large', 'send fewer or shorter headers'),
  ERR_HTTP_REQUEST_TIMEOUT: new Problem('request-timeout', 'the request did not arrive in time; send it again')
}
const unreadable = new Problem('malformed', 'this is not HTTP/1.1 as RFC 9112 has it')

/** Answers bytes that never became a request, and closes the connection. */
export function sendRaw (error: Error & { code?: unknown }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
  const { status, text } = parserProblems[String(error.code)] ?? unreadable
  socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nconnection: close\r\n` +
    `content-type: application/problem+json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`)
  socket.destroySoon()
}
