// Bytes that the platform's parser gives up on: they become no request, so their answer goes to the raw socket.

import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { refuse } from '../../src/contract/outcome.ts'
import { doorProblem, problemOf, problemText } from './reply.ts'
import type { Problem } from './reply.ts'

const unreadable = refuse('malformed', 'this is not HTTP/1.1 as RFC 9112 has it; the connection is closed')
const badChunks = refuse('too-large', 'the chunk extensions of the body are too long; leave them out')

/** The problem behind an error of the platform's HTTP parser. */
export function parserProblem (error: Error & { code?: unknown }): Problem {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      return doorProblem('headers-too-large', 'the header section is too large; send fewer or shorter headers')
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return doorProblem('request-timeout', 'the request did not arrive in time; send it again')
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return problemOf(badChunks)
    default:
      return problemOf(unreadable)
  }
}

/** Writes the problem to a socket that has no exchange under way, and closes it. */
export function answerRaw (socket: Socket, problem: Problem, requestId: string, extra = ''): void {
  if (!socket.writable) {
    socket.destroy()
    return
  }
  const body = problemText(problem, requestId)
  socket.write(`HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? ''}\r\nconnection: close\r\n` +
    `content-type: application/problem+json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n` +
    `x-request-id: ${requestId}\r\n${extra}\r\n${body}`)
  socket.destroySoon()
}
